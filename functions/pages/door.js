// Who is signed in, and the one way to ask the console's functions for something.
//
// In the cloud the browser signs in at Entra by the authorization code flow with PKCE: no secret, no cookie. The token
// is kept for this tab alone, and goes with each request as a header, which no other site can make a browser send.

const HERE = new URL(location.href.split(/[?#]/)[0]);
const API = new URL("console/api/", HERE);
const KEPT = "dialtone-console";

let session = null;

export class Failure extends Error {
  constructor(status, body) {
    super(body.message ?? `The functions answered ${status}.`);
    this.status = status;
    this.fix = body.fix ?? "";
  }
}

export async function ask(path, { method = "GET", json, body } = {}) {
  const headers = { "X-Dialtone-Console": "1" };
  const token = kept().token;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (json) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, API), {
      method, headers, body: json ? JSON.stringify(json) : body, cache: "no-store", credentials: "omit",
    });
  } catch {
    throw new Failure(0, { message: "The functions do not answer.", fix: "look whether they run, then try again" });
  }
  if (answer.status === 401 && session?.mode === "entra") {
    await signIn();
    return new Promise(() => {});
  }
  const kind = answer.headers.get("Content-Type") ?? "";
  if (!answer.ok) {
    throw new Failure(answer.status, kind.includes("json") ? (await answer.json()).error : {});
  }
  return kind.includes("json") ? answer.json() : answer.blob();
}

// The signed-in user; sends the browser away to sign in where that is needed.
export async function enter() {
  session = await (await fetch(new URL("session", API), { cache: "no-store" })).json();
  if (session.error) throw new Failure(404, session.error);
  if (session.mode === "entra") {
    await returned();
    if (!kept().token) {
      await signIn();
      return new Promise(() => {});
    }
  }
  return ask("me");
}

export function signOut() {
  sessionStorage.removeItem(KEPT);
  location.assign(`${session.authority}/oauth2/v2.0/logout?post_logout_redirect_uri=${encodeURIComponent(HERE)}`);
}

export function signsIn() {
  return session?.mode === "entra";
}

function kept() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
}

function random() {
  return base64(crypto.getRandomValues(new Uint8Array(32)));
}

function base64(data) {
  return btoa(String.fromCharCode(...new Uint8Array(data))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function signIn() {
  const [state, nonce, verifier] = [random(), random(), random()];
  sessionStorage.setItem(KEPT, JSON.stringify({ state, nonce, verifier, at: location.hash }));
  const challenge = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const query = new URLSearchParams({
    client_id: session.app, response_type: "code", redirect_uri: HERE, scope: "openid profile", state, nonce,
    code_challenge: challenge, code_challenge_method: "S256", response_mode: "query",
  });
  location.assign(`${session.authority}/oauth2/v2.0/authorize?${query}`);
}

async function returned() {
  const query = new URLSearchParams(location.search);
  if (!query.has("code") && !query.has("error")) return;
  const before = kept();
  history.replaceState(null, "", `${HERE}${before.at ?? ""}`);
  if (query.has("error")) throw new Failure(403, { message: "The sign-in was refused.", fix: query.get("error_description") ?? "" });
  if (!before.state || query.get("state") !== before.state) {
    sessionStorage.removeItem(KEPT);
    return;
  }
  const answer = await fetch(`${session.authority}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      client_id: session.app, grant_type: "authorization_code", code: query.get("code"), redirect_uri: HERE,
      code_verifier: before.verifier, scope: "openid profile",
    }),
  });
  const { id_token: token, error_description: refused } = await answer.json();
  if (!token) throw new Failure(403, { message: "The sign-in was not finished.", fix: refused ?? "sign in again" });
  const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  if (claims.nonce !== before.nonce) throw new Failure(403, { message: "The token is not of this sign-in.", fix: "sign in again" });
  sessionStorage.setItem(KEPT, JSON.stringify({ token }));
}
