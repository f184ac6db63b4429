// Python in a thread of its own: the page stays quick whatever a check takes.
// Messages in: {id, name, args}, a function of glue.py.  Messages out: {id, result} or {id, error};
// before the first, {progress} from 0 to 1, and {ready: manifest} or {failed: why}.

const here = new URL(".", import.meta.url);

async function load() {
  const manifest = await (await file("manifest.json")).json();
  count(manifest.bytes);
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  // Everything at once: compiling what has come takes longer than the rest takes to come.
  const [python, glue, ...wheels] = await Promise.all([
    loadPyodide({ indexURL: new URL("pyodide/", here).href }),
    file("glue.py").then((answer) => answer.text()),
    ...manifest.wheels.map((name) => file(name).then((answer) => answer.arrayBuffer())),
  ]);
  for (const wheel of wheels) python.unpackArchive(wheel, "whl");
  python.FS.writeFile("glue.py", glue);
  const module = python.pyimport("glue");
  postMessage({ ready: manifest });
  return module;
}

async function file(name) {
  const answer = await fetch(new URL(name, here));
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer;
}

// Report what share of all bytes has come, Pyodide's own files included.
function count(total) {
  const plain = self.fetch;
  let got = 0;
  self.fetch = async (...request) => {
    const answer = await plain(...request);
    if (!answer.body) return answer;
    const counted = answer.body.pipeThrough(new TransformStream({
      transform(chunk, stream) {
        got += chunk.byteLength;
        postMessage({ progress: Math.min(got / total, 1) });
        stream.enqueue(chunk);
      },
    }));
    return new Response(counted, { status: answer.status, headers: answer.headers });
  };
}

const glue = load().catch((error) => {
  postMessage({ failed: String(error.message ?? error) });
});

self.onmessage = async ({ data: { id, name, args } }) => {
  try {
    postMessage({ id, result: JSON.parse((await glue)[name](...args)) });
  } catch (error) {
    postMessage({ id, error: String(error.message ?? error) });
  }
};
