// The headline figures, and what they count.

import { element, keepingFocus } from "./elements.js";
import { formatAmount, formatCount, formatDay, formatLargeAmount, formatMoment } from "./format.js";

const list = new Intl.ListFormat("en-US");

// `isSameQuestion`: the figures are newer ones under the same filters; their changes stay until the new ones are there.
export function showFigures(stats, isFilteredByStatus, isSameQuestion) {
  const statuses = stats.claim_count_by_status.map(
    ({ claim_status, claim_count }) => `${formatCount(claim_count)}\u00a0${claim_status}`);
  const charged = `of ${formatCount(stats.charged_claim_count)} ${list.format(stats.charged_statuses)} claims`;
  const isRounded = formatLargeAmount(stats.charge_amount) !== formatAmount(stats.charge_amount);
  const figures = [
    ["Claims", formatCount(stats.claim_count), statuses.join(" · ")],
    ["Charges", formatLargeAmount(stats.charge_amount), isRounded ? `${formatAmount(stats.charge_amount)} ${charged}` : charged],
    ["Average charge", formatAmount(stats.average_charge_amount), charged],
    ["Patients", formatCount(stats.patient_count), `seen, of a population of ${formatCount(stats.build.population_count)}`],
  ];
  document.getElementById("figures").replaceChildren(
    ...figures.map(([name, value, note]) =>
      element("div", { className: "card" },
        element("dt", {}, name), element("dd", { className: "figure" }, value), element("dd", { className: "note" }, note),
        (isSameQuestion && document.querySelector(`[data-change="${name}"]`)) || element("dd", { className: "change", "data-change": name }))));
  document.getElementById("headline-sql").textContent = stats.sql;
  const scope = document.getElementById("scope");
  scope.classList.remove("none");
  keepingFocus(scope, () => scope.replaceChildren(isFilteredByStatus
    ? `Counts and charges are those of ${list.format(stats.charged_statuses)} claims, as chosen.`
    : "Counts are of claims of every status; charges add up active claims only. A status filter decides both."));
}

let changingFrom = null; // the first day whose claims may still get another status

export function showBuild({ built_at, first_day, last_day, changing_from }) {
  changingFrom = changing_from;
  document.getElementById("built").textContent =
    `Received ${formatDay(first_day)} to ${formatDay(last_day)} · built ${formatMoment(built_at)}`;
}

// Which claims up to a day of receipt are recent, as a note of figures by day; without a day, of all.
export const sayRecent = (lastDay) => (lastDay && lastDay < changingFrom ? "" : `The status of claims received since ${formatDay(changingFrom)} may still change. `);

// What the FHIR server got last: the newest report of a load.
export function showLoaded({ steps }) {
  const { finished_at, state } = steps.find(({ kind }) => kind === "load");
  document.getElementById("loaded").textContent = !finished_at ? "FHIR server: no load reported"
    : `FHIR server ${state === "good" ? "loaded" : "load failed"} ${formatMoment(finished_at)}`;
}
