// Asking the API. An answer that is an error has a message, where and a fix.

export class Problem extends Error {
  constructor({ message, where, fix }, status = 0) {
    super(message);
    this.status = status; // 0: there was no answer
    this.where = where;
    this.fix = fix;
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
  const answer = await response.json();
  if (response.status === 422) throw new Problem({ ...answer, fix: "Clear filters" }, 422); // the page's own way out
  if (!response.ok) throw new Problem(answer, response.status);
  return answer;
}

export const isAborted = (error) => error.name === "AbortError";
