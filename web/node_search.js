/* A text field that suggests nodes of the run (the combobox of the ARIA practices: arrows move,
 * Enter takes, Escape closes; focus stays in the field). */

import { address, get } from "./api.js";
import { h, keep, say, show } from "./dom.js";
import { amount, plural } from "./format.js";

const SHOWN = 12;
const PAGES_MAX = 10; /* of a search that finds nothing for long */

export class NodeSearch {
    /* `where()`: {route, model_version}; `take({node, level})`. */
    constructor(where, take) {
        this.where = where;
        this.take = take;
        this.found = [];
        this.active = -1;
        this.turn = 0;
        this.list = h("ul", { id: "node-options", role: "listbox", class: "options",
            "aria-label": "Nodes", hidden: true });
        this.input = h("input", {
            id: "node-field", type: "text", role: "combobox", autocomplete: "off",
            spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false",
            "aria-controls": "node-options", placeholder: "part of a name",
            oninput: () => this.later(), onkeydown: (event) => this.key(event),
            onblur: () => setTimeout(() => this.close(), 150),
            onclick: () => this.ask(),
        });
        this.host = h("div", { class: "field combo", "data-key": "node" },
            h("label", { for: "node-field" }, "Node"), this.input, this.list);
        this.host.isKept = true;
    }

    /* Its place in a page. */
    get element() {
        return keep(this.host);
    }

    set(text) {
        if (document.activeElement !== this.input) {
            this.input.value = text;
        }
        this.current = text;
    }

    later() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.ask(), 150);
    }

    async ask() {
        const turn = ++this.turn;
        const text = this.input.value.trim();
        const search = text === this.current ? "" : text;
        let found = [];
        let cursor = null;
        try {
            for (let pages = 0; pages < PAGES_MAX && found.length < SHOWN; pages++) {
                const page = await get(address("/api/v1/nodes", {
                    ...this.where(), search, cursor, limit: SHOWN,
                }));
                found = found.concat(page.nodes).slice(0, SHOWN);
                cursor = page.next;
                if (!cursor || turn !== this.turn) {
                    break;
                }
            }
        } catch (problem) {
            found = [];
        }
        if (turn !== this.turn || document.activeElement !== this.input) {
            return;
        }
        this.found = found;
        this.active = -1;
        say(found.length ? plural(found.length, "node") + " suggested" : "no node of this name");
        this.paint(true);
    }

    paint(isOpen) {
        const open = isOpen && this.found.length > 0;
        show(this.list, this.found.map((x, i) => h("li", {
            id: `node-option-${i}`, role: "option", "aria-selected": String(i === this.active),
            onpointerdown: (event) => {
                event.preventDefault();
                this.choose(i);
            },
        }, h("span", null, x.node), h("span", { class: "small" }, `${x.level} · ` +
            amount(x.demand)))));
        this.list.hidden = !open;
        this.input.setAttribute("aria-expanded", String(open));
        if (open && this.active >= 0) {
            this.input.setAttribute("aria-activedescendant", `node-option-${this.active}`);
            this.list.children[this.active].scrollIntoView({ block: "nearest" });
        } else {
            this.input.removeAttribute("aria-activedescendant");
        }
    }

    key(event) {
        const last = this.found.length - 1;
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            if (this.list.hidden) {
                this.ask();
                return;
            }
            const step = event.key === "ArrowDown" ? 1 : -1;
            this.active = this.active < 0 && step < 0 ? last
                : Math.max(0, Math.min(last, this.active + step));
            this.paint(true);
        } else if (event.key === "Enter") {
            event.preventDefault();
            if (!this.list.hidden && this.active >= 0) {
                this.choose(this.active);
            } else if (this.input.value.trim()) {
                this.close();
                this.take({ node: this.input.value.trim(), level: "" });
            }
        } else if (event.key === "Escape") {
            this.close();
            this.input.value = this.current || "";
        }
    }

    choose(i) {
        const { node, level } = this.found[i];
        this.input.value = node;
        this.close();
        this.take({ node, level });
    }

    close() {
        this.turn++;
        this.paint(false);
    }
}
