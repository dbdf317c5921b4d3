/* Asking again and again: while the page is open and the tab is seen, more slowly after problems,
 * and not before the service wants to be asked. */

export class Poll {
    /* `work(signal)` is awaited; it throws what went wrong. */
    constructor(seconds, work, failed) {
        this.seconds = seconds;
        this.work = work;
        this.failed = failed;
        this.failures = 0;
        this.stopped = false;
        this.timer = null;
        this.abort = null;
        this.seen = () => {
            if (document.hidden) {
                clearTimeout(this.timer);
                this.timer = null;
            } else if (!this.timer && !this.abort) {
                this.run();
            }
        };
        document.addEventListener("visibilitychange", this.seen);
        this.run();
    }

    async run() {
        clearTimeout(this.timer);
        this.timer = null;
        if (this.abort) {
            return;
        }
        this.abort = new AbortController();
        let wait = this.seconds;
        try {
            await this.work(this.abort.signal);
            this.failures = 0;
        } catch (problem) {
            if (!this.stopped && problem.name !== "AbortError") {
                this.failures++;
                wait = Math.max(problem.retryAfter || 0,
                    Math.min(60, this.seconds * 2 ** Math.min(this.failures, 5)));
                this.failed(problem);
            }
        }
        this.abort = null;
        if (!this.stopped && !document.hidden) {
            this.timer = setTimeout(() => this.run(), wait * 1000);
        }
    }

    /* Now, and from now on again. */
    again() {
        if (!this.stopped) {
            this.run();
        }
    }

    stop() {
        this.stopped = true;
        clearTimeout(this.timer);
        document.removeEventListener("visibilitychange", this.seen);
        if (this.abort) {
            this.abort.abort();
        }
    }
}
