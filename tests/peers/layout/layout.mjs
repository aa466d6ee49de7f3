// node layout.mjs ENGINE JOB ANSWER ROUNDS: draws one graph with one engine and tells how long that took.
//
// JOB and ANSWER are files of words as `vigla_layout::codec` writes them, so that one judge reads every engine's drawing.
// Printed is one line of milliseconds: CPU of the best round, wall time of the best round, CPU and wall time of the
// first call after a warm-up. CPU is that of the whole process: collecting garbage and compiling count.
import fs from "node:fs";

const [, , engine, jobFile, answerFile, rounds] = process.argv;
const bytes = fs.readFileSync(jobFile);
const job = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));

/** Reads the job of `codec::Job::Layout`; ids stay pairs of words, names are their places in the lists. */
function read(words) {
  const lengths = new Float32Array(words.buffer);
  let at = 3;
  const word = () => words[at++];
  const length = () => lengths[at++];
  const id = () => [word(), word()];
  const list = (item) => Array.from({ length: word() }, item);
  const maybe = () => (word() === 1 ? id() : (id(), undefined));
  const options = { nodeGap: length(), columnGap: length(), laneGap: length(), aspect: length() };
  const nodes = list(() => ({ id: id(), width: length(), height: length(), parent: maybe(), pin: [word(), length(), length()] }));
  const boxes = list(() => ({ id: id(), parent: maybe(), header: length(), padding: length(), minWidth: length() }));
  const edges = list(() => ({ id: id(), from: id(), to: id(), ownWay: word(), label: word(), size: [length(), length()] }));
  const names = new Map();
  nodes.forEach((node, index) => names.set(String(node.id), `n${index}`));
  boxes.forEach((box, index) => names.set(String(box.id), `b${index}`));
  return { options, nodes, boxes, edges, name: (id) => names.get(String(id)) };
}

/** Writes an answer of `codec::Answer::Drawn`. */
function write(graph, drawn) {
  const words = [0];
  const scratch = new Float32Array(1);
  const bits = new Uint32Array(scratch.buffer);
  const length = (value) => {
    scratch[0] = value;
    words.push(bits[0]);
  };
  const corners = [
    ...drawn.edges.flat(),
    ...[...drawn.nodes, ...drawn.boxes].flatMap(([x, y, width, height]) => [[x, y], [x + width, y + height]]),
  ];
  const [left, top, right, bottom] = corners.reduce(
    ([left, top, right, bottom], [x, y]) => [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)],
    [Infinity, Infinity, -Infinity, -Infinity],
  );
  [left, top, right - left, bottom - top].forEach(length);
  for (const [specs, places] of [[graph.nodes, drawn.nodes], [graph.boxes, drawn.boxes]]) {
    words.push(specs.length);
    specs.forEach((spec, index) => {
      words.push(...spec.id);
      places[index].forEach(length);
    });
  }
  words.push(graph.edges.length);
  graph.edges.forEach((edge, index) => {
    words.push(...edge.id, drawn.edges[index].length);
    drawn.edges[index].flat().forEach(length);
    words.push(0, 0, 0);
  });
  return new Uint32Array(words);
}

async function ours() {
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(process.env.VIGLA_LAYOUT_WASM), {});
  const { memory, alloc, run, answer, warm } = instance.exports;
  const draw = (job) => {
    new Uint32Array(memory.buffer, alloc(job.length), job.length).set(job);
    const length = run();
    return new Uint32Array(memory.buffer, answer(), length).slice();
  };
  // As the page's worker does.
  return { warm: () => warm(8), draw: () => draw(job), words: (drawn) => drawn };
}

async function dagre() {
  const { default: dagre } = await import("@dagrejs/dagre");
  const draw = (graph) => {
    const g = new dagre.graphlib.Graph({ directed: true, multigraph: true, compound: true });
    const { nodeGap, columnGap, laneGap } = graph.options;
    g.setGraph({ rankdir: "LR", nodesep: nodeGap, ranksep: columnGap, edgesep: laneGap });
    g.setDefaultEdgeLabel(() => ({}));
    graph.boxes.forEach((box, index) => g.setNode(`b${index}`, {}));
    graph.nodes.forEach((node, index) => g.setNode(`n${index}`, { width: node.width, height: node.height }));
    for (const spec of [...graph.boxes, ...graph.nodes]) {
      if (spec.parent) g.setParent(graph.name(spec.id), graph.name(spec.parent));
    }
    graph.edges.forEach((edge, index) => g.setEdge(graph.name(edge.from), graph.name(edge.to), {}, `e${index}`));
    dagre.layout(g);
    const place = (name) => {
      const { x, y, width, height } = g.node(name);
      return [x - width / 2, y - height / 2, width, height];
    };
    return {
      nodes: graph.nodes.map((node) => place(graph.name(node.id))),
      boxes: graph.boxes.map((box) => place(graph.name(box.id))),
      edges: graph.edges.map((edge, index) => {
        const { points } = g.edge(graph.name(edge.from), graph.name(edge.to), `e${index}`);
        return points.map(({ x, y }) => [x, y]);
      }),
    };
  };
  const graph = read(job);
  return { warm: () => draw(small()), draw: () => draw(graph), words: (drawn) => write(graph, drawn) };
}

async function elk() {
  const { default: Elk } = await import("elkjs/lib/elk.bundled.js");
  const elk = new Elk();
  const draw = async (graph) => {
    const { nodeGap, columnGap, laneGap } = graph.options;
    // Options of distance are not inherited by boxes.
    const options = {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.edgeRouting": "POLYLINE",
      "elk.spacing.nodeNode": `${nodeGap}`,
      "elk.spacing.edgeNode": `${laneGap}`,
      "elk.spacing.edgeEdge": `${laneGap}`,
      "elk.layered.spacing.nodeNodeBetweenLayers": `${columnGap}`,
      "elk.hierarchyHandling": graph.boxes.length > 0 ? "INCLUDE_CHILDREN" : "INHERIT",
    };
    const absolute = { "elk.json.shapeCoords": "ROOT", "elk.json.edgeCoords": "ROOT" };
    const children = new Map([["", []]]);
    graph.boxes.forEach((_, index) => children.set(`b${index}`, []));
    const put = (spec, item) => children.get(spec.parent ? graph.name(spec.parent) : "").push(item);
    graph.boxes.forEach((box, index) => {
      const top = Math.max(box.header, box.padding);
      const padding = `[top=${top},left=${box.padding},bottom=${box.padding},right=${box.padding}]`;
      put(box, { id: `b${index}`, layoutOptions: { ...options, "elk.padding": padding }, children: children.get(`b${index}`) });
    });
    graph.nodes.forEach((node, index) => put(node, { id: `n${index}`, width: node.width, height: node.height }));
    const edges = graph.edges.map((edge, index) => ({
      id: `e${index}`,
      sources: [graph.name(edge.from)],
      targets: [graph.name(edge.to)],
    }));
    const root = await elk.layout({ id: "root", layoutOptions: { ...options, ...absolute }, children: children.get(""), edges });
    const drawn = { nodes: [], boxes: [], edges: graph.edges.map(() => []) };
    const walk = (item) => {
      for (const child of item.children ?? []) {
        const list = child.id[0] === "n" ? drawn.nodes : drawn.boxes;
        list[Number(child.id.slice(1))] = [child.x, child.y, child.width, child.height];
        walk(child);
      }
      for (const { id, sections } of item.edges ?? []) {
        const [section] = sections ?? [];
        if (!section) continue;
        const points = [section.startPoint, ...(section.bendPoints ?? []), section.endPoint];
        drawn.edges[Number(id.slice(1))] = points.map(({ x, y }) => [x, y]);
      }
    };
    walk(root);
    return drawn;
  };
  const graph = read(job);
  return { warm: () => draw(small()), draw: () => draw(graph), words: (drawn) => write(graph, drawn) };
}

/** Two nodes and a call, so that what an engine loads on its first call is loaded. */
function small() {
  const node = (id) => ({ id: [id, 0], width: 10, height: 10 });
  const edge = { id: [3, 0], from: [1, 0], to: [2, 0] };
  const options = { nodeGap: 18, columnGap: 88, laneGap: 10, aspect: 1.6 };
  return { options, nodes: [node(1), node(2)], boxes: [], edges: [edge], name: ([low]) => `n${low - 1}` };
}

async function timed(action) {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await action();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { result, wall, cpu: (user + system) / 1000 };
}

const { warm, draw, words } = await { ours, dagre, elk }[engine]();
await warm();
const first = await timed(draw);
const times = [first];
while (times.length < Number(rounds)) times.push(await timed(draw));
const best = (key) => Math.min(...times.map((time) => time[key]));
fs.writeFileSync(answerFile, words(first.result));
console.log([best("cpu"), best("wall"), first.cpu, first.wall].map((time) => time.toFixed(2)).join(" "));
process.exit(0);
