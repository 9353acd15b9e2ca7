// The API, and the token that whoever changes something has to show, or reads where that needs one. It is kept in this tab only.
const KEY = "larder-token";
const dialog = document.getElementById("token-dialog"), field = document.getElementById("token-text");

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const forgetToken = () => sessionStorage.removeItem(KEY);

const shown = () => hasToken() ? { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } : {};

// The document at this path, with the constants of statements where the token is shown; null if there is none (its part of Larder is off).
// Where reading needs a token it is asked for, once for all who wait.
export async function read(path) {
  let answer = await fetch(path, { cache: "no-store", headers: shown() });
  if (answer.status === 401 && await givenToken()) answer = await fetch(path, { cache: "no-store", headers: shown() });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

let asking = null, refused = false;

// Nobody who has said no is asked again and again: the button takes a token later.
async function givenToken() {
  if (asking === null) {
    if (refused) return false;
    forgetToken();
    asking = askForToken().then(given => { refused = !given; asking = null; return given; });
  }
  return asking;
}

// The subprotocols of a WebSocket, which has no header for a token: "bearer." and the token in hexadecimal.
export function protocols() {
  if (!hasToken()) return ["larder"];
  const bytes = new TextEncoder().encode(sessionStorage.getItem(KEY));
  return ["larder", "bearer." + [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("")];
}

// Resolves to true once a token was typed in, to false if not.
export function askForToken() {
  return new Promise(resolve => {
    const form = dialog.querySelector("form"), end = new AbortController(), { signal } = end;
    const finish = given => { end.abort(); field.value = ""; if (dialog.open) dialog.close(); resolve(given); };
    form.addEventListener("submit", event => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      finish(true);
    }, { signal });
    document.getElementById("token-cancel").addEventListener("click", () => finish(false), { signal });
    dialog.addEventListener("close", () => finish(false), { signal });
    dialog.showModal();
    field.focus();
  });
}

// Resolves to the document, or to null if nobody gave a token. Throws what the problem says.
export async function change(method, path, body = null) {
  if (!hasToken() && !await askForToken()) return null;
  const answer = await fetch(path, { method, headers: shown(), body: body === null ? undefined : JSON.stringify(body) });
  if (answer.status === 401) forgetToken();
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return told;
}
