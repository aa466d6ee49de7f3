// The layout engine in a worker of its own. In and out: {number, words}, words as `vigla_layout::codec` writes them.
// A trap ends the engine: the page is told by an answer without words, and starts a new worker.
"use strict";
const engine = fetch(new URL("layout.wasm", self.location.href))
  .then((answer) => answer.arrayBuffer())
  .then((bytes) => WebAssembly.instantiate(bytes, {}))
  .then(({ instance }) => {
    // The browser compiles the engine well while the graph is still on its way.
    instance.exports.warm(8);
    return instance.exports;
  });

self.onmessage = async ({ data: { number, words } }) => {
  try {
    const { memory, alloc, run, answer } = await engine;
    const place = alloc(words.length);
    if (place === 0) throw new RangeError("the graph is too large");
    new Uint32Array(memory.buffer, place, words.length).set(words);
    const length = run();
    const out = new Uint32Array(memory.buffer, answer(), length).slice();
    self.postMessage({ number, words: out }, [out.buffer]);
  } catch (error) {
    console.error("layout worker:", error);
    self.postMessage({ number });
  }
};
