// Requests to the server. Every failure is an Error whose message is the server's sentence.

export class ServerError extends Error {
  constructor(status, error) {
    super(error.text || error.cause || "the server did not answer as expected");
    this.status = status;
  }
}

async function answer(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  let error = {};
  try { error = (await response.json()).error || {}; } catch { error = { text: `the server answered ${response.status}.` }; }
  throw new ServerError(response.status, error);
}

export async function ask(method, path, body = null) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method, credentials: "same-origin",
      headers: body === null ? {} : { "content-type": "application/json" },
      body: body === null ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ServerError(0, { text: "The server does not answer: is lift3d serve still running?" });
  }
  return answer(response);
}

/** Send a file; progress is called with a fraction. Returns { promise, abort }. */
export function send(file, progress) {
  const request = new XMLHttpRequest();
  const promise = new Promise((resolve, reject) => {
    request.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      let found = {};
      try { found = JSON.parse(request.responseText); } catch { found = {}; }
      if (request.status === 201) resolve(found);
      else reject(new ServerError(request.status, found.error || { text: `the server answered ${request.status}.` }));
    };
    request.onerror = () => reject(new ServerError(0, { text: `${file.name} could not be sent: check the connection.` }));
    request.onabort = () => reject(new ServerError(0, { text: `${file.name} was not sent.` }));
    request.send(file);
  });
  return { promise, abort: () => request.abort() };
}

/** Follow all jobs. */
export function follow(onJob, onDeleted, onState) {
  const source = new EventSource("/api/events");
  source.addEventListener("job", (event) => onJob(JSON.parse(event.data)));
  source.addEventListener("deleted", (event) => onDeleted(JSON.parse(event.data).id));
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  return source;
}
