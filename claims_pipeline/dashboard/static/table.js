// The table of claims: what its columns show, its order, its pages.

import { element } from "./elements.js";
import { formatAmount, formatCount, formatDay } from "./format.js";

const table = document.querySelector("#claims table");
const range = document.getElementById("range");

const named = ({ code, label }) => (label ? `${code} ${label}` : code);
const codes = (all) => {
  const [first, ...others] = all;
  const more = others.length ? element("span", { className: "more", title: others.map(named).join("\n") }, ` +${others.length}`) : "";
  return first ? [element("span", { title: first.label }, named(first)), more] : [];
};

const COLUMNS = [
  { title: "Claim", sort: "claim_id", show: (claim) => [claim.claim_id], kind: "id" },
  { title: "Status", sort: "claim_status",
    show: (claim) => [element("span", { className: `status ${claim.claim_status}` }, claim.claim_status)] },
  { title: "Received", sort: "received_date", show: (claim) => [formatDay(claim.received_date)] },
  { title: "Service", sort: "claim_start_date", show: (claim) => [formatDay(claim.claim_start_date)] },
  { title: "Patient", sort: "patient_name",
    show: (claim) => [element("button", { type: "button", className: "link", "data-patient": claim.patient_id,
      title: `Only claims of ${claim.patient_id}` }, claim.patient_name)] },
  { title: "Charge", sort: "total_charge_amount", show: (claim) => [formatAmount(claim.total_charge_amount)], kind: "number" },
  { title: "Procedures", show: (claim) => codes(claim.procedures), kind: "code" },
  { title: "Diagnoses", show: (claim) => codes(claim.diagnoses), kind: "code" },
  { title: "Site of care", sort: "facility_state",
    show: (claim) => [element("span", { title: named(claim.place_of_service) }, `${claim.facility_city}, ${claim.facility_state}`)] },
];

export function showClaims(page, sort) {
  table.tHead.rows[0].replaceChildren(...COLUMNS.map((column) => heading(column, sort)));
  table.tBodies[0].replaceChildren(...page.items.map((claim) =>
    element("tr", {}, ...COLUMNS.map(({ show, kind = "" }) => element("td", { className: kind }, ...show(claim))))));
  if (!page.items.length) {
    const message = page.total ? "There are no more claims." : "No claims match the filters.";
    table.tBodies[0].replaceChildren(element("tr", {}, element("td", { colSpan: COLUMNS.length, className: "empty" }, message)));
  }
  const last = Math.min(page.offset + page.items.length, page.total);
  range.textContent = page.items.length
    ? `${formatCount(page.offset + 1)} to ${formatCount(last)} of ${formatCount(page.total)}` : `0 of ${formatCount(page.total)}`;
  for (const button of document.querySelectorAll("[data-page]")) {
    const isForward = button.dataset.page === "next";
    button.disabled = isForward ? !page.next : !page.previous;
  }
}

function heading({ title, sort: column, kind = "" }, sort) {
  if (!column) return element("th", { scope: "col", className: kind }, title);
  const direction = { [column]: "ascending", [`-${column}`]: "descending" }[sort];
  const button = element("button", { type: "button", "data-sort": direction === "ascending" ? `-${column}` : column }, title);
  return element("th", { scope: "col", className: kind, "aria-sort": direction ?? "none" }, button);
}
