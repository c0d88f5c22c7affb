// Asking the API. An answer that is an error has a message, where and a fix.

const PASSING = [0, 502, 503, 504]; // no answer, or one that says to ask again later

export class Problem extends Error {
  constructor({ message, where, fix, parameters = {} }, status = 0) {
    super(message);
    this.status = status; // 0: there was no answer
    this.parameters = parameters; // what is wrong with each wrong parameter
    this.where = where;
    this.fix = fix;
  }

  get isPassing() {
    return PASSING.includes(this.status);
  }
}

export async function ask(path, { parameters, signal } = {}) {
  const query = parameters ? parameters.toString() : "";
  const address = query ? `${path}?${query}` : path;
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ message: "the dashboard does not answer", where: location.host, fix: "is it running? claims dashboard" });
  }
  let answer;
  try {
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ // a proxy's page, or half an answer
      message: `something between this page and the dashboard answered with HTTP ${response.status}`,
      where: location.host, fix: "is the dashboard running behind its proxy? claims status",
    }, Math.max(response.status, 502));
  }
  if (!response.ok) throw new Problem(answer, response.status);
  return answer;
}

// Asks for a list. Where the answer has only some of the items, its `all` says how many there are, and how many of them its
// `ask` returns: at most `most`.
export async function askForList(path, { parameters, signal, most = 1_000 }) {
  const answer = await ask(path, { parameters, signal });
  const count = answer.value_count ?? answer.total;
  const askAll = () => ask(path, { parameters: withOthers(parameters, { count: most }) }).then(({ items }) => items);
  return { ...answer, all: count > answer.items.length ? { ask: askAll, asked: Math.min(count, most), count } : null };
}

// Returns parameters with others set.
export function withOthers(parameters, others) {
  const all = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(others)) all.set(name, value);
  return all;
}

// Returns the answer, or the Problem with it: where one answer is missing, the others are shown.
export const orProblem = (asked) => asked.catch((error) => {
  if (error instanceof Problem) return error;
  throw error;
});

// Whether an answer is missing that the same question may bring later; a wrong question stays wrong.
export const isStillMissing = (answer) => answer instanceof Problem && answer.isPassing;

export const isAborted = (error) => error.name === "AbortError";
