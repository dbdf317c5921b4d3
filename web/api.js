/* The only door to the service: every request of the dashboard goes through here, to this origin,
 * with the credential in a header. */

const KEY = "almanac-credential";
const known = { credential: null, listeners: new Set(), document: null };

try {
    known.credential = sessionStorage.getItem(KEY);
} catch (refused) { /* no storage: memory alone */ }

export function hasCredential() {
    return known.credential !== null;
}

export function setCredential(text, remember) {
    known.credential = text;
    known.document = null;
    try {
        if (text !== null && remember) {
            sessionStorage.setItem(KEY, text);
        } else {
            sessionStorage.removeItem(KEY);
        }
    } catch (refused) { /* no storage: memory alone */ }
}

/* Called with a problem of 401. */
export function onUnknown(listener) {
    known.listeners.add(listener);
}

export class Problem extends Error {
    constructor(status, title, detail, more) {
        super(detail || title);
        this.status = status; /* 0: no answer at all */
        this.title = title;
        this.detail = detail || "";
        this.requestId = more && more.requestId;
        this.retryAfter = more && more.retryAfter;
    }
}

/* What a status means to whoever reads the page. */
const WORDS = {
    0: "The service does not answer",
    400: "The service does not understand this request",
    401: "The service asks who you are",
    403: "These credentials are not for this",
    404: "There is nothing of this name",
    409: "The service refuses this now",
    413: "This is too much",
    429: "Too many requests",
    500: "Something went wrong in the service",
    501: "The service does not support this",
    503: "The service cannot answer this now",
};

export function words(problem) {
    return WORDS[problem.status] || problem.title || `Status ${problem.status}`;
}

async function problemOf(reply) {
    const more = {
        requestId: reply.headers.get("X-Request-ID"),
        retryAfter: Number(reply.headers.get("Retry-After")) || null,
    };
    let body = {};
    try {
        body = await reply.json();
    } catch (none) { /* a page of something in between */ }
    return new Problem(reply.status, body.title, body.detail, more);
}

async function ask(path, options, signal) {
    const headers = { Accept: "application/json, text/plain", ...options.headers };
    const used = known.credential;
    if (used !== null) {
        headers.Authorization = `Bearer ${used}`;
    }
    let reply;
    try {
        reply = await fetch(path, {
            ...options, headers, signal, cache: "no-store", credentials: "omit",
            redirect: "error", referrerPolicy: "no-referrer", mode: "same-origin",
        });
    } catch (error) {
        if (error.name === "AbortError") {
            throw error;
        }
        throw new Problem(0, "", "There is no connection to it. It is tried again.");
    }
    if (reply.ok) {
        return reply;
    }
    const problem = await problemOf(reply);
    if (problem.status === 401 && used === known.credential) { /* not late, of another one */
        known.listeners.forEach((listener) => listener(problem));
    }
    throw problem;
}

/* "/api/v1/nodes" with those of `values` that are there. */
export function address(path, values) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values || {})) {
        if (value !== null && value !== undefined && value !== "") {
            query.set(name, value);
        }
    }
    const text = query.toString();
    return text ? `${path}?${text}` : path;
}

export async function get(path, signal) {
    return (await ask(path, { method: "GET" }, signal)).json();
}

export async function getText(path, signal) {
    return (await ask(path, { method: "GET" }, signal)).text();
}

/* Without a body when `body` is left out. */
export async function post(path, body, signal) {
    const options = body === undefined ? { method: "POST" } : {
        method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
    };
    return (await ask(path, options, signal)).json();
}

/* Ready or not is no problem but an answer. */
export async function isReady(signal) {
    try {
        await ask("/readyz", { method: "GET" }, signal);
        return true;
    } catch (problem) {
        if (problem instanceof Problem && problem.status === 503) {
            return false;
        }
        throw problem;
    }
}

/* What this service can do, from its own document: asked for once. */
export async function can(method, path, signal) {
    if (!known.document) {
        known.document = await get("/openapi.json", signal);
    }
    const methods = known.document.paths[path];
    return Boolean(methods && methods[method.toLowerCase()]);
}

export function documentInfo() {
    return known.document ? known.document.info : null;
}
