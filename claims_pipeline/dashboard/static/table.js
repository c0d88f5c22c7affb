// The table of claims: what its columns show, its order, its parts.

import { addSql, element, keepingFocus, sqlOf } from "./elements.js";
import { NO_CLAIMS } from "./empty.js";
import { formatAmount, formatCode, formatCount, formatDay, specialtyOf } from "./format.js";

const table = document.querySelector("#claims table");
const range = document.getElementById("range");
const queries = document.getElementById("claims-sql");

const codes = (all) => {
  const [first, ...others] = all;
  const more = others.length ? element("span", { className: "more", title: others.map(formatCode).join("\n") }, ` +${others.length}`) : "";
  return first ? [element("span", { title: first.label }, formatCode(first)), more] : [];
};

// `isExtra`: shown only when it is chosen.
const COLUMNS = [
  { title: "Claim", sort: "claim_id", kind: "id",
    show: (claim) => [element("button", { type: "button", className: "link", "data-claim": claim.claim_id,
      "data-key": `open ${claim.claim_id}`, title: "Open the claim" }, claim.claim_id)] },
  { title: "Status", sort: "claim_status",
    show: (claim) => [element("span", { className: `status ${claim.claim_status}` }, claim.claim_status)] },
  { title: "Received", sort: "received_date", show: (claim) => [formatDay(claim.received_date)] },
  { title: "Service", sort: "claim_start_date", show: (claim) => [formatDay(claim.claim_start_date)] },
  { title: "Patient", sort: "patient_name",
    show: (claim) => [element("button", { type: "button", className: "link", "data-person": claim.patient_id,
      "data-key": `patient ${claim.claim_id}`, title: "Open the patient" }, claim.patient_name)] },
  { title: "Charge", sort: "total_charge_amount", show: (claim) => [formatAmount(claim.total_charge_amount)], kind: "number" },
  { title: "Procedures", sort: "first_hcpcs_code", show: (claim) => codes(claim.procedures), kind: "code" },
  { title: "Diagnoses", sort: "principal_diagnosis_code", show: (claim) => codes(claim.diagnoses), kind: "code" },
  { title: "Site of care", sort: "facility_state",
    show: (claim) => [element("span", { title: formatCode(claim.place_of_service) }, `${claim.facility_city}, ${claim.facility_state}`)] },
  { title: "Provider", sort: "practitioner_name", isExtra: true,
    show: (claim) => [element("button", { type: "button", className: "link", "data-practitioner": claim.practitioner_id,
      "data-key": `provider ${claim.claim_id}`, title: "Open the provider" }, claim.practitioner_name)] },
  { title: "Specialty", sort: "specialty", isExtra: true, show: (claim) => [specialtyOf(claim.specialty)] },
  { title: "Plan", sort: "plan_name", isExtra: true, show: (claim) => [claim.plan_name ?? "–"] },
  { title: "Payer", sort: "payer_name", isExtra: true, show: (claim) => [claim.payer_name ?? "–"] },
];
const slug = (title) => title.toLowerCase().replaceAll(" ", "-");
const DEFAULT_COLUMNS = COLUMNS.filter((column) => !column.isExtra).map((column) => slug(column.title)).join(" ");
const boxes = document.querySelector("#columns fieldset");
let shown = [];

export const ROW_COUNTS = [...document.getElementById("count").options].map(({ value }) => value);
export const TABLE_DEFAULTS = { columns: DEFAULT_COLUMNS };

boxes.append(...COLUMNS.map(({ title }) => element("label", { className: "choice" },
  element("input", { type: "checkbox", value: slug(title) }), title)));

// Calls `open` with the columns that are ticked, as text for the address.
export function onColumns(open) {
  boxes.addEventListener("change", () => open([...boxes.querySelectorAll(":checked")].map((box) => box.value).join(" ")));
}

// Shows the headings of some columns, given as text; without any that exists those of the default.
export function showColumns(text) {
  const chosen = (text ?? DEFAULT_COLUMNS).split(" ");
  const found = COLUMNS.filter(({ title }) => chosen.includes(slug(title)));
  const now = found.length ? found : COLUMNS.filter((column) => !column.isExtra);
  for (const box of boxes.querySelectorAll("input")) box.checked = now.some(({ title }) => slug(title) === box.value);
  if (now.length === shown.length && now.every((column, index) => column === shown[index])) return;
  shown = now;
  table.tHead.rows[0].replaceChildren(...shown.map(({ title, sort, kind = "" }) =>
    element("th", { role: "columnheader", scope: "col", className: kind, "data-title": title },
      element("button", { type: "button", "data-column": sort }, title))));
}

let pages = {}; // name of a neighbouring part -> its address in the API

// Headings stay and only change their order: a heading that has the focus keeps it.
export function showClaims(page, sort) {
  for (const button of table.tHead.querySelectorAll("[data-column]")) {
    const { column } = button.dataset;
    const direction = { [column]: "ascending", [`-${column}`]: "descending" }[sort];
    button.dataset.sort = direction === "ascending" ? `-${column}` : column;
    button.parentElement.setAttribute("aria-sort", direction ?? "none");
  }
  const rows = page.items.map((claim) =>
    element("tr", { role: "row", "data-claim": claim.claim_id }, ...shown.map(({ title, show, kind = "" }) =>
      element("td", { role: "cell", className: kind, "data-title": title }, ...show(claim)))));
  if (!rows.length) {
    const message = page.total ? "There are no more claims: go back with First or Previous." : NO_CLAIMS;
    rows.push(element("tr", { role: "row" }, element("td", { role: "cell", colSpan: shown.length, className: "empty" }, message)));
  }
  keepingFocus(table.tBodies[0], () => table.tBodies[0].replaceChildren(...rows));
  range.textContent = rangeOf(page);
  keepingFocus(queries, () => {
    const sql = sqlOf(page.sql, "the table of claims");
    sql.dataset.sqlOf = "claims";
    addSql(sql, "How many there are", page.total_sql);
    queries.replaceChildren(sql);
  });
  pages = page;
  for (const button of document.querySelectorAll("[data-page]")) {
    button.setAttribute("aria-disabled", String(!page[button.dataset.page])); // disabled would lose the focus
  }
}

export function rangeOf({ items, offset, total }) {
  return items.length
    ? `${formatCount(offset + 1)} to ${formatCount(offset + items.length)} of ${formatCount(total)}` : `0 of ${formatCount(total)}`;
}

// Describes the order as a person says it.
export function orderOf(sort) {
  const { title } = COLUMNS.find((column) => column.sort === sort.replace("-", "")) ?? {};
  return title ? `sorted by ${title}, ${sort.startsWith("-") ? "descending" : "ascending"}` : "";
}

// Returns the parameters of a neighbouring part, null if there is none.
export function partAt(name) {
  return pages[name] ? new URL(pages[name], location.origin).searchParams : null;
}
