// One claim in a dialog: its lines, diagnoses, versions, and where it is on the FHIR server.

import { ask, isAborted } from "./api.js";
import { element } from "./elements.js";
import { formatAmount, formatDay } from "./format.js";

const dialog = document.getElementById("detail");
const content = document.getElementById("detail-content");

const named = ({ code, label }) => (label ? `${code} ${label}` : code);

export async function showDetail(id, signal) {
  if (!id) {
    if (dialog.open) dialog.close();
    return;
  }
  document.getElementById("detail-title").textContent = id;
  try {
    content.replaceChildren(...parts(await ask(`/api/claims/${encodeURIComponent(id)}`, { signal })));
  } catch (error) {
    if (isAborted(error)) return;
    content.replaceChildren(element("p", {}, `${error.message[0].toUpperCase()}${error.message.slice(1)}.`));
  }
  if (!dialog.open) dialog.showModal();
}

function parts(claim) {
  const facts = [
    ["Status", claim.claim_status],
    ["Received", formatDay(claim.received_date)],
    ["Service", `${formatDay(claim.claim_start_date)} to ${formatDay(claim.claim_end_date)}`],
    ["Patient", `${claim.patient_name}, ${claim.patient_id}`],
    ["Coverage", `${claim.plan_name}, ${claim.payer_name}`],
    ["Provider", `${claim.practitioner_name}, ${claim.specialty.replaceAll("_", " ")}`],
    ["Site of care", `${named(claim.place_of_service)}, ${claim.facility_city}, ${claim.facility_state}`],
    ["Diagnoses", claim.diagnoses.map(named).join("; ")],
    ["Charges", formatAmount(claim.total_charge_amount)],
  ];
  return [
    element("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    element("h3", {}, "Lines"),
    table(["Line", "Procedure", "Modifiers", "Day", "Units", "Charge"], claim.lines.map((line) => [
      line.claim_line_number, named(line.procedure), line.modifiers.join(" "), formatDay(line.line_service_date),
      line.unit_count, formatAmount(line.charge_amount)])),
    element("h3", {}, "Versions"),
    table(["Version", "Received", "Status", "Charge"], claim.versions.map((version) => [
      version.version_number, formatDay(version.as_of_date), version.claim_status, formatAmount(version.total_charge_amount)])),
    element("p", { className: "note" }, "On the FHIR server, if it is loaded: ",
      element("a", { href: claim.fhir_url, rel: "noreferrer" }, claim.fhir_url)),
  ];
}

function table(head, rows) {
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": head[0] },
    element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((title) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((value) => element("td", {}, String(value))))))));
}
