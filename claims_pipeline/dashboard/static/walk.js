// The marks of a chart from the keyboard: one stop of the Tab key, arrow keys lead from mark to mark, Enter is a click.

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

// Vega keeps a mark's row in __data__.
const valueIn = (mark, column) => mark.__data__?.datum?.[column];

// Returns the value of the mark that has the focus, if one of the plot has it.
export const walkedTo = (plot, column) => (plot.contains(document.activeElement) ? valueIn(document.activeElement, column) : undefined);

// Makes the marks that have a value in the column reachable, in the order of their rows. `focused` is the value of the
// mark that had the focus before the marks were drawn again: it is the stop, and has the focus again.
export function letWalk(plot, column, focused) {
  const marks = [...plot.querySelectorAll("[aria-roledescription]")].filter((mark) => valueIn(mark, column));
  const stop = Math.max(marks.findIndex((mark) => valueIn(mark, column) === focused), 0);
  for (const [index, mark] of marks.entries()) {
    mark.setAttribute("role", "button");
    mark.setAttribute("tabindex", index === stop ? 0 : -1);
    mark.onfocus = () => pointAt(mark, "pointermove");
    mark.onblur = () => pointAt(mark, "pointerout");
  }
  plot.onkeydown = (event) => {
    const place = marks.indexOf(event.target);
    if (place < 0) return;
    if (["Enter", " "].includes(event.key)) event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (event.key in STEPS) goTo(marks[place], marks[Math.min(Math.max(place + STEPS[event.key], 0), marks.length - 1)]);
    else return;
    event.preventDefault();
  };
  if (focused && document.activeElement === document.body) marks[stop]?.focus({ preventScroll: true });
}

function goTo(from, to) {
  from.setAttribute("tabindex", -1);
  to.setAttribute("tabindex", 0);
  to.focus();
}

// Shows or hides the text of a mark as the mouse does.
function pointAt(mark, type) {
  const { left, top, width, height } = mark.getBoundingClientRect();
  mark.dispatchEvent(new PointerEvent(type, { bubbles: true, clientX: left + width / 2, clientY: top + height / 2 }));
}
