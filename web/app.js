/* The shell: pages by the hash of the address, colours, credentials. */

import { documentInfo, can, hasCredential, isReady, get, onUnknown, setCredential } from "./api.js";
import { clear, h, say, show } from "./dom.js";
import { empty, head } from "./parts.js";
import { Poll } from "./poll.js";
import * as drift from "./page_drift.js";
import * as explorer from "./page_explorer.js";
import * as models from "./page_models.js";
import * as overview from "./page_overview.js";
import * as runs from "./page_runs.js";
import * as stockouts from "./page_stockouts.js";
import * as whatif from "./page_whatif.js";

const PAGES = [
    ["overview", "Overview", overview],
    ["explorer", "Forecasts", explorer],
    ["stockouts", "Stock-outs", stockouts],
    ["whatif", "What if", whatif],
    ["runs", "Runs and jobs", runs],
    ["models", "Models", models],
    ["drift", "Drift", drift],
];
const main = document.getElementById("main");
let current = { name: null, close: null, update: null };

/* ---- pages ---- */

function asked() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    return { name: path || "overview", values: new URLSearchParams(query || "") };
}

function paintPages(name) {
    show(document.getElementById("pages"), PAGES.map(([key, text]) => h("li", { "data-key": key },
        h("a", { href: `#/${key}`, "aria-current": key === name ? "page" : null }, text))));
    const here = document.querySelector(".side [aria-current]");
    if (here) { /* on a narrow screen the list is wider than it */
        const side = document.querySelector(".side");
        side.scrollLeft = here.offsetLeft - (side.clientWidth - here.offsetWidth) / 2;
    }
}

function leave() {
    if (current.close) {
        current.close();
    }
    current = { name: null, close: null, update: null };
}

/* `byHand`: somebody went there, so the focus goes along. */
function route(byHand) {
    const { name, values } = asked();
    const page = PAGES.find(([key]) => key === name);
    if (page && current.name === name && current.update) {
        current.update(values);
        return;
    }
    const sameName = current.name === name;
    leave();
    clear(main);
    paintPages(name);
    document.title = page ? `${page[1]} – almanac` : "almanac";
    if (!page) {
        show(main, head("There is no such page"), empty(name, "The list of pages has all."));
        return;
    }
    const opened = page[2].open(main, values);
    current = typeof opened === "function" ? { name, close: opened, update: null }
        : { name, ...opened };
    if (byHand && !sameName) {
        main.scrollIntoView({ block: "start" });
        window.scrollTo(0, 0);
        const title = main.querySelector("h1");
        if (title) {
            title.focus({ preventScroll: true });
        }
        say(`${page[1]}`);
    }
}

/* A skip that leaves the address alone: its hash names the page. */
document.getElementById("skip").onclick = (event) => {
    event.preventDefault();
    main.focus();
};

/* ---- colours ---- */

const theme = document.getElementById("theme");
theme.value = document.documentElement.dataset.theme || "auto";
theme.onchange = () => {
    if (theme.value === "auto") {
        delete document.documentElement.dataset.theme;
    } else {
        document.documentElement.dataset.theme = theme.value;
    }
    try {
        localStorage.setItem("almanac-theme", theme.value);
    } catch (refused) { /* no storage: until the page is left */ }
};

/* ---- who asks ---- */

const dialog = document.getElementById("sign-in");
const field = document.getElementById("credential");
const who = document.getElementById("who");
let dismissed = false;
let wasAsked = false; /* the service has asked who it is */

function paintWho() {
    who.textContent = hasCredential() ? "Sign out" : "Sign in";
    who.hidden = !wasAsked && !hasCredential(); /* nobody is asked who he is: nothing to do here */
}

function signIn(why) {
    document.getElementById("sign-in-why").textContent = why;
    if (!dialog.open) {
        field.value = "";
        dialog.showModal();
        field.focus();
    }
}

who.onclick = () => {
    if (hasCredential()) {
        setCredential(null, false);
        paintWho();
        say("Signed out");
        leave();
        route(false);
        return;
    }
    signIn("The service answers those whom it knows. Give a bearer token or an API key.");
};
document.getElementById("sign-in-cancel").onclick = () => {
    dismissed = true;
    dialog.close();
};
dialog.oncancel = () => {
    dismissed = true;
};
document.getElementById("sign-in-form").onsubmit = (event) => {
    event.preventDefault();
    const text = field.value.trim();
    field.value = "";
    if (!/^[\x21-\x7e]+$/.test(text)) {
        document.getElementById("sign-in-why").textContent = "This is no token and no API key: " +
            "they have no blanks and no letters beyond ASCII.";
        return;
    }
    setCredential(text, document.getElementById("remember").checked);
    dismissed = false;
    dialog.close();
    paintWho();
    say("Signed in");
    leave();
    route(false);
    ready.again();
};
onUnknown((problem) => {
    wasAsked = true;
    paintWho();
    if (!dismissed) {
        signIn(hasCredential() ? `The service does not accept this credential. ${problem.detail}`
            : "The service answers those whom it knows. Give a bearer token or an API key.");
    }
});

/* ---- is it there ---- */

function paintState(kind, text) {
    const host = document.getElementById("state");
    if (host.textContent !== text) {
        host.textContent = text;
        host.className = `state ${kind}`;
    }
}

async function paintProject(signal) {
    const project = document.getElementById("project");
    if (project.textContent || !await can("GET", "/api/v1/routes", signal)) {
        return;
    }
    try {
        project.textContent = (await get("/api/v1/routes", signal)).project;
    } catch (problem) { /* whoever asks is told by the page */ }
    document.documentElement.dataset.version = documentInfo() ? documentInfo().version : "";
}

const ready = new Poll(10, async (signal) => {
    const is = await isReady(signal);
    paintState(is ? "good" : "bad", is ? "Ready" : "Not ready");
    if (is && (hasCredential() || !dialog.open)) {
        await paintProject(signal);
    }
}, () => paintState("bad", "No answer"));

paintWho();
window.addEventListener("hashchange", () => route(true));
route(false);
