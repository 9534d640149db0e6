// Turns on what the GOV.UK components do beyond HTML. Every page is whole without it.
import { initAll } from "./govuk-frontend.min.js";
document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();
