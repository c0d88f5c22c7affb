// What a person takes away: rows as CSV and SQL, drawings as pictures.

import { addSql, element, sqlOf } from "./elements.js";
import { formatCode, formatCount } from "./format.js";

const save = (href, download) => element("a", { href, download }).click();

// A button that saves a file, and says beside it if that fails.
function savingButton(key, label, text, saveFile) {
  const failed = element("span", { role: "status" });
  const onclick = () => {
    failed.textContent = "";
    saveFile().catch(({ message }) => { failed.textContent = ` Not saved: ${message}.`; });
  };
  return element("span", { className: "file" },
    element("button", { type: "button", className: "link", "data-key": key, "aria-label": label, onclick }, text), failed);
}

// Buttons that save a drawing as a picture; `draw` returns the picture's address in a format.
export function picturesAs(name, title, draw) {
  const button = (format) => savingButton(`${name} ${format}`, `Save ${title} as ${format.toUpperCase()}`, format.toUpperCase(),
    async () => save(await draw(format), `${name}.${format}`));
  return ["Save as ", button("svg"), " ", button("png")];
}

// A button that saves rows of values, the heading first, as a CSV file; a text that a spreadsheet takes for a formula begins
// with an apostrophe. `askForRows` returns the rows when a person wants the file.
export function csvOf(name, askForRows, text = "CSV") {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const cell = (value) => (typeof value === "string" ? quoted(value.replace(/^(?=[=+@\t\r-])/, "'")) : String(value ?? ""));
  const saveRows = async () => {
    const lines = (await askForRows()).map((row) => `${row.map(cell).join(",")}\r\n`);
    const url = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    save(url, `${name}.csv`);
    setTimeout(() => URL.revokeObjectURL(url));
  };
  return savingButton(`${name} csv`, `Save ${name.replaceAll("-", " ")} as ${text}`, text, saveRows);
}

// The SQL of rows that the API returned, and the rows, if there are any, as a file whose columns have the API's names.
// `dimension` is what the column `value` is of, `all` as askForList makes it: the file has all rows, not only those shown.
export function takeAway({ name, title, text, sql, items, all, dimension = "value" }) {
  const askForRows = async () => {
    const rows = (all ? await all.ask() : items).map((item) => flat(item, { value: dimension }));
    const head = Object.keys(rows[0] ?? {});
    return [head, ...rows.map((row) => head.map((column) => row[column]))];
  };
  const part = all && all.asked < all.count ? `CSV of the first ${formatCount(all.asked)}` : "CSV";
  return element("div", { className: "take" }, sqlOf(sql, title, text), items.length ? csvOf(name, askForRows, part) : "");
}

// Returns a record in which the parts of a record, such as its figures, are columns of their own, and a list or a code is a
// text. `otherNames` are those of columns that are renamed.
function flat(record, otherNames) {
  const inWords = (one) => (one?.code === undefined ? one : formatCode(one));
  return Object.fromEntries(Object.entries(record).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [[name, value.map(inWords).join("; ")]];
    const plain = inWords(value);
    return plain instanceof Object ? Object.entries(plain) : [[otherNames[name] ?? name, plain]];
  }));
}

// The same of the values of a dimension, with the SQL of their total where the API has one.
export function takeValues({ dimension, items, all, sql, total_sql }, title) {
  const away = takeAway({ name: `claims-by-${dimension.replaceAll("_", "-")}`, title, sql, items, all, dimension });
  const queries = away.querySelector("details");
  queries.dataset.sqlOf = title;
  addSql(queries, "All values together", total_sql);
  return away;
}
