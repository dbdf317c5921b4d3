/* The colours that were chosen, before anything is painted. A classic script for that reason. */
(function () {
    "use strict";
    var chosen = "auto";
    try {
        chosen = localStorage.getItem("almanac-theme") || "auto";
    } catch (refused) { /* storage is switched off: the system's colours */ }
    if (chosen === "light" || chosen === "dark") {
        document.documentElement.dataset.theme = chosen;
    }
})();
