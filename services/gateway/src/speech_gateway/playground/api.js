// Calls of the gateway: the key on each of them, and every failure as one Error with the gateway's own words.

const keyField = document.querySelector("#key");

export const base = new URL(".", document.baseURI);

export function headers(more = {}) {
  return keyField.value ? { authorization: `Bearer ${keyField.value}`, ...more } : more;
}

export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(new URL(path, base), { ...options, headers: headers(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The gateway cannot be reached.");
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

async function failure(answer) {
  const told = await answer.json().catch(() => null);
  if (answer.status === 401) document.querySelector("#key-field").hidden = false;
  if (told?.error?.code === "missing_api_key") return new Error("This gateway wants a key: write it into the field at the top.");
  return new Error(told?.error?.message ?? `The gateway answered ${answer.status}.`);
}

// Why it takes no socket, which a browser does not tell; by asking for what the same key opens.
export async function whyNoSocket() {
  try {
    await call("v1/audio/voices");
    return "The gateway takes no socket now; try again.";
  } catch (failed) {
    return failed.message;
  }
}

export function socket(path) {
  const url = new URL(path, base);
  url.protocol = url.protocol.replace("http", "ws");
  return new WebSocket(url, keyField.value ? ["speech.v1", `bearer.${keyField.value}`] : ["speech.v1"]);
}

function brokenOff(error) {
  if (error.name === "AbortError") throw error;
  throw new Error("The gateway broke off in the middle; try again.");
}

// Server-sent events of an answer, as [name, object]; an error event is thrown.
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read().catch(brokenOff);
    if (done) return;
    held += value;
    const whole = held.split("\n\n");
    held = whole.pop();
    for (const block of whole) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (!name) continue;
      const told = JSON.parse(data);
      if (name === "error") throw new Error(told.error.message);
      yield [name, told];
    }
  }
}
