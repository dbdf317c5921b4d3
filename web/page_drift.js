/* Nothing is measured yet, and the page says so. */

import { head, empty, panel } from "./parts.js";
import { show } from "./dom.js";

export function open(host) {
    show(host, head("Drift", "Do data and errors still look as they did in training?"),
        panel("Drift", null, empty("Not measured yet", "This service does not measure drift: " +
            "there are no numbers that could be shown here.")));
    return () => {};
}
