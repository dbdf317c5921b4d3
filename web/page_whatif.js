/* What if price, promotion, lead time, stock or demand were another: against the base. */

import { can } from "./api.js";
import { show } from "./dom.js";
import { empty, head, loading, panel, problemBox } from "./parts.js";

export function open(host) {
    const state = { closed: false };
    const top = () => head("What if", "Scenarios against the base");
    show(host, top(), loading("what the service can do"));
    const begin = async () => {
        try {
            const there = await can("POST", "/api/v1/whatif");
            if (!state.closed && !there) {
                show(host, top(), panel("What if", null, empty("This service has no what-if",
                    "Its interface has no POST /api/v1/whatif, so there is nothing to ask.")));
            }
        } catch (problem) {
            if (!state.closed) {
                show(host, top(), problemBox(problem, begin));
            }
        }
    };
    begin();
    return () => {
        state.closed = true;
    };
}
