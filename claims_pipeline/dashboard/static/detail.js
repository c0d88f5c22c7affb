// The dialog: one claim, one patient or one provider. Each links to the others.

import { ask, askForList, isAborted, orProblem } from "./api.js";
import { drawFrame, frameOf, takeOver } from "./charts.js";
import { announce, element, keepingFocus, linkTo, moreOf, tableOf } from "./elements.js";
import { capitalised, formatAmount, formatCode, formatCount, formatDay, formatDays, formatDecimal, formatPercent, inWords, specialtyOf } from "./format.js";
import { takeAway } from "./take.js";

const dialog = document.getElementById("detail");
const content = document.getElementById("detail-content");
const SHOWN_CLAIMS = 100;
const SHOWN_DIAGNOSES = 50;
let shown = {}; // what the dialog holds: its kind and id as `page`, how it was made, and the frame of its chart

// What each kind of page shows: its title, its parts, and a chart among them, if it has one, as its frame and specification.
const PAGES = { claim: claimPage, person: patientPage, practitioner: providerPage };
const NAMES = { claim: "claim", person: "patient", practitioner: "provider" };

// Shows what the address opens: the first of claim, person and practitioner that it names.
export async function showDetail(parameters, signal) {
  const kind = Object.keys(PAGES).find((name) => parameters.get(name));
  if (!kind) {
    if (dialog.open) dialog.close();
    shown = {};
    return;
  }
  const id = parameters.get(kind);
  const heading = document.getElementById("detail-title");
  let specification;
  try {
    const { title, parts, chart } = await PAGES[kind](encodeURIComponent(id), signal);
    heading.textContent = title;
    const page = `${kind} ${id}`;
    const made = element("div", {}, ...parts).innerHTML;
    const isNew = shown.page !== page || shown.made !== made;
    if (shown.page !== page) replaceByAnother(title, parts);
    else if (isNew) replaceInPlace(parts, chart?.frame);
    shown = { page, made, frame: isNew ? chart?.frame : shown.frame };
    specification = chart?.specification;
  } catch (error) {
    if (isAborted(error)) return;
    heading.textContent = id;
    shown = {};
    const message = error.status === 404 ? `There is no ${NAMES[kind]} ${id}. Close this and search for a part of the id, or for a name` : capitalised(error.message);
    content.replaceChildren(element("p", {}, `${message}.`));
  }
  if (!dialog.open) dialog.showModal();
  if (specification) drawChart(shown.frame, specification); // nobody waits for it: all else is there
}

function drawChart(frame, specification) {
  drawFrame(frame, specification).catch((error) => {
    frame.plot.replaceChildren(element("p", { className: "note" }, `${capitalised(error.message)}.`));
  });
}

// New data of what is open: a person stays where they read.
function replaceInPlace(parts, frame) {
  const top = dialog.scrollTop;
  keepingFocus(content, () => {
    if (frame && shown.frame) takeOver(frame, shown.frame);
    replaceContent(parts);
  });
  dialog.scrollTop = top;
}

function replaceByAnother(title, parts) {
  const hadFocus = content.contains(document.activeElement);
  replaceContent(parts);
  dialog.scrollTop = 0;
  if (!hadFocus) return;
  dialog.querySelector("[data-close]").focus(); // what had the focus is gone
  announce(title);
}

function replaceContent(parts) {
  content.replaceChildren(...parts);
  document.getElementById("detail-tooltip").classList.remove("visible"); // its mark is gone
}

async function claimPage(id, signal) {
  const claim = await ask(`/api/claims/${id}`, { signal });
  const parts = [
    factsOf([
      ["Status", claim.claim_frequency_code === "8" ? `${claim.claim_status}, void` : claim.claim_status],
      ...relationsOf(claim),
      ["Received", formatDay(claim.received_date)],
      ["Service", formatDays(claim.claim_start_date, claim.claim_end_date)],
      ["Patient", opener("person", claim.patient_id, claim.patient_name), `, ${claim.patient_id}`],
      ["Coverage", [...new Set([claim.plan_name, claim.payer_name])].join(", ")],
      ["Provider", opener("practitioner", claim.practitioner_id, claim.practitioner_name), `, ${specialtyOf(claim.specialty)}`],
      ["Practice", claim.organization_name],
      ["Site of care", `${claim.location_name}, ${formatCode(claim.place_of_service)}, ${claim.facility_city}, ${claim.facility_state}`],
      ["Diagnoses", claim.diagnoses.map(formatCode).join("; ")],
      ["Charges", formatAmount(claim.total_charge_amount)],
    ]),
    element("h3", {}, "Lines"),
    tableOf(["Line", "Procedure", "Modifiers", "Day", "Units", "Charge"], claim.lines.map((line) => [
      line.claim_line_number, formatCode(line.procedure), line.modifiers.join(" "), formatDay(line.line_service_date),
      line.unit_count, formatAmount(line.charge_amount)]), { isNumeric: true, textColumns: 4 }),
    takeAway({ name: `${claim.claim_id}-lines`, title: "the lines", sql: claim.lines_sql, items: claim.lines }),
    element("h3", {}, "Versions"),
    tableOf(["Version", "Received", "Status", "Charge"], claim.versions.map((version) => [
      version.version_number, formatDay(version.as_of_date), version.claim_status, formatAmount(version.total_charge_amount)]), { isNumeric: true, textColumns: 3 }),
    takeAway({ name: `${claim.claim_id}-versions`, title: "the versions", sql: claim.versions_sql, items: claim.versions }),
    fhirOf(`/api/claims/${id}/fhir`),
    onServer(claim.fhir_url),
  ];
  return { title: claim.claim_id, parts };
}

// The claims that this one replaces and that replaces it, as facts.
const relationsOf = (claim) => [["Replaces", claim.replaced_claim_id], ["Replaced by", claim.replacing_claim_id]]
  .filter(([, id]) => id).map(([name, id]) => [name, opener("claim", id, id)]);

async function patientPage(id, signal) {
  const ofPatient = (more) => new URLSearchParams({ patient: decodeURIComponent(id), ...more });
  const [patient, timeline, claims, conditions] = await Promise.all([
    ask(`/api/patients/${id}`, { signal }),
    orProblem(ask(`/api/patients/${id}/timeline`, { signal })),
    askForList("/api/claims", { parameters: ofPatient({ sort: "-claim_start_date", count: SHOWN_CLAIMS }), signal }),
    askForList("/api/stats/by-diagnosis", { parameters: ofPatient({ measure: "claim_count", figures: "charge_amount", count: SHOWN_DIAGNOSES }), signal })]);
  const chart = timeline instanceof Error ? null : { frame: frameOf("timeline", "Timeline", timeline), specification: timeline };
  const parts = [
    factsOf([
      ["Patient", patient.patient_id],
      ["Born", `${formatDay(patient.birth_date)}, ${patient.gender}`],
      ["Address", `${patient.address_line}, ${patient.city}, ${patient.state} ${patient.zip_code}`],
      ["Claims", `${formatCount(patient.claim_count)}, received ${formatDay(patient.first_received_date)} to ${formatDay(patient.last_received_date)}`],
      ["Charges", `${formatAmount(patient.active_charge_amount)} of active claims`],
    ]),
    filterBy("patient", patient.patient_id, "Only this patient's claims"),
    chart ? chart.frame.figure : element("figure", { "aria-label": "Timeline" }, element("figcaption", {}, element("h3", {}, "Timeline"),
      element("p", { className: "note" }, `${capitalised(timeline.message)}.`))),
    element("h3", {}, "Coverages"),
    tableOf(["From", "To", "Plan", "Type", "Payer"], patient.coverages.map((one) => [
      formatDay(one.coverage_start_date), formatDay(one.coverage_end_date), one.plan_name, inWords(one.plan_type), one.payer_name ?? ""])),
    takeAway({ name: `${patient.patient_id}-coverages`, title: "the coverages", sql: patient.coverages_sql, items: patient.coverages }),
    element("h3", {}, "Principal diagnoses"),
    tableOf(["Diagnosis", "Claims", "Charges"], conditions.items.map((one) => [
      `${one.value} ${one.label}`, formatCount(one.figures.claim_count), formatAmount(one.figures.charge_amount)]), { isNumeric: true }),
    moreOf(conditions.items.length, conditions.value_count),
    takeAway({ name: `${patient.patient_id}-diagnoses`, title: "the diagnoses", sql: conditions.sql, items: conditions.items, all: conditions.all, dimension: "diagnosis" }),
    element("h3", {}, claims.total > SHOWN_CLAIMS ? `The last ${SHOWN_CLAIMS} of ${formatCount(claims.total)} claims, by day of service` : "Claims by day of service"),
    tableOf(["Service", "Claim", "Status", "Procedures", "Diagnoses", "Charge"], claims.items.map((one) => [
      formatDay(one.claim_start_date), opener("claim", one.claim_id, one.claim_id), one.claim_status, one.procedures.map(formatCode).join("; "),
      one.diagnoses.map(formatCode).join("; "), formatAmount(one.total_charge_amount)]), { isNumeric: true, textColumns: 5 }),
    takeAway({ name: `${patient.patient_id}-claims`, title: "the claims", sql: claims.sql, items: claims.items, all: claims.all }),
    onServer(patient.fhir_url),
  ];
  return { title: `${patient.first_name} ${patient.last_name}`, parts, chart };
}

async function providerPage(id, signal) {
  const provider = await ask(`/api/providers/${id}`, { signal });
  const figure = (name, value) => (value === null ? "–" : name.endsWith("charge_amount") ? formatAmount(value)
    : formatDecimal(value, name === "claims_a_patient" ? 2 : Number.isInteger(value) ? 0 : 1));
  const share = (value) => (value === null ? "–" : formatPercent(value / 100));
  const parts = [
    factsOf([
      ["Provider", provider.practitioner_id],
      ["Specialty", specialtyOf(provider.specialty)],
      ["Practice", `${provider.organization_name}, ${provider.facility_city}, ${provider.facility_state}`],
      ["Peers", `${formatCount(provider.peer_count)} providers of the specialty, this one included`],
    ]),
    filterBy("provider", provider.practitioner_id, "Only this provider's claims"),
    element("h3", {}, "Panel and charges"),
    tableOf(["Figure", "Provider", "Median of the specialty"], provider.figures.map((one) => [
      one.title, figure(one.name, one.value), figure(one.name, one.peer_median)]), { isNumeric: true }),
    takeAway({ name: `${provider.practitioner_id}-panel`, title: "the panel", sql: provider.sql, items: provider.figures }),
    element("h3", {}, "Mix of services"),
    tableOf(["Category", "Lines", "Share", "Share in the specialty"], provider.mix.map((one) => [
      inWords(one.category), formatCount(one.line_count), share(one.line_percent), share(one.peer_percent)]), { isNumeric: true }),
    takeAway({ name: `${provider.practitioner_id}-mix`, title: "the mix of services", sql: provider.mix_sql, items: provider.mix }),
    onServer(provider.fhir_url),
  ];
  return { title: provider.practitioner_name, parts };
}

const factsOf = (facts) => element("dl", { className: "facts" }, ...facts.flatMap(([name, ...values]) =>
  [element("dt", {}, name), element("dd", {}, ...values)]));

const opener = (kind, id, label) => element("button", { type: "button", className: "link", "data-open": kind, "data-id": id,
  "data-key": `${kind} ${id}` }, label);

const filterBy = (name, value, label) =>
  element("p", {}, element("button", { type: "button", "data-only": name, "data-value": value }, label));

const onServer = (url) => element("p", { className: "note" }, "On the FHIR server, if it is loaded: ",
  linkTo(url, url));

// The FHIR resource is asked for when its part is opened.
function fhirOf(path) {
  const text = element("pre", { tabIndex: 0 });
  const copy = element("button", { type: "button", hidden: true }, "Copy");
  const details = element("details", { className: "fhir" }, element("summary", {}, "FHIR JSON"), copy, text);
  details.addEventListener("toggle", async () => {
    if (!details.open || text.textContent) return;
    try {
      text.textContent = JSON.stringify(await ask(path), null, 2);
      copy.hidden = false;
    } catch (error) {
      text.textContent = error.message;
    }
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "The browser does not allow it";
    }
  });
  return details;
}
