/* The page of a compiled model.  DATA and the pictures stand in the page as JSON, packed; nothing is
 * fetched.  What is shown follows the address: #program=NAME&view=SCOPE&node=N&tab=NAME&q=TEXT, so
 * a place can be sent to somebody. */
"use strict";
(async () => {
  const unpack = async (id) => {
    const text = atob(document.getElementById(id).textContent), packed = Uint8Array.from(text, (c) => c.charCodeAt(0));
    return JSON.parse(await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).text());
  };
  if (!globalThis.DecompressionStream) {
    document.getElementById("facts").textContent = "This page needs a browser of 2023 or later.";
    return;
  }
  const [DATA, PICTURES] = await Promise.all([unpack("data"), unpack("pictures")]);
  const S = DATA.strings;
  const $ = (id) => document.getElementById(id);
  const make = (tag, text, attributes = {}) => {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };
  const ROLES = DATA.roles;
  const bytes = (n) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let k = 0;
    while (n >= 1000 && k < units.length - 1) { n /= 1000; k++; }
    return (k ? n.toFixed(n < 10 ? 2 : 1) : String(n)) + " " + units[k];
  };
  const count = (n) => n.toLocaleString("en-US");
  const macs = (n) => (n >= 1e9 ? (n / 1e9).toFixed(2) + " G" : n >= 1e6 ? (n / 1e6).toFixed(2) + " M" : count(n));

  let program = null; // the shown one
  let view = 0;       // index into program.views
  let node = 0;       // picked; 0: none
  let step = -1;      // picked in the memory chart; -1: the peak
  let tab = "memory";
  let place = { x: 0, y: 0, scale: 1 };

  /* ---- where things stand ---- */

  const L = DATA.locs;
  const placeOf = (loc) => (loc ? S[L.file[loc]] + ":" + L.line[loc] : "");
  const where = (p, id) => placeOf(p.nodes.loc[id]);
  /* The uses of templates and includes that brought it there, innermost first. */
  const usesOf = (p, id) => {
    const uses = [];
    for (let loc = L.chain[p.nodes.loc[id]]; loc && uses.length < 16; loc = L.chain[loc]) uses.push(placeOf(loc));
    return uses;
  };
  const nameOf = (p, id) => S[p.nodes.name[id]] || S[p.nodes.scope[id]] || "node " + id;
  const opOf = (p, id) => DATA.ops[p.nodes.op[id]];
  const roleOf = (p, id) =>
    ROLES[p.nodes.role[id]] + (p.nodes.order[id] ? ", derivative of order " + p.nodes.order[id] : "");
  const typeOf = (p, id) => S[p.nodes.type[id]];
  const membersOf = (p, s) => p.steps.nodes.slice(p.steps.first[s], p.steps.first[s] + p.steps.count[s]);

  const write = () => {
    const q = new URLSearchParams();
    q.set("program", program.name);
    if (program.views[view].path) q.set("view", program.views[view].path);
    if (node) q.set("node", node);
    if (tab !== "memory") q.set("tab", tab);
    history.replaceState(null, "", "#" + q);
  };
  const read = () => {
    const q = new URLSearchParams(location.hash.slice(1));
    const p = DATA.programs.find((x) => x.name === q.get("program")) || DATA.programs[0];
    choose(p);
    const v = p.views.findIndex((x) => x.path === (q.get("view") || ""));
    open(v < 0 ? 0 : v);
    const n = Number(q.get("node")) || 0;
    if (n > 0 && n < p.nodes.op.length) pick(n, !q.get("view"));
    show(["memory", "kernels"].includes(q.get("tab")) ? q.get("tab") : "memory");
    if (q.get("q")) { $("search").value = q.get("q"); search(); }
  };

  /* ---- the picture ---- */

  const move = () => {
    const svg = $("picture").querySelector("svg");
    if (svg) svg.style.transform = `translate(${place.x}px,${place.y}px) scale(${place.scale})`;
  };
  const size = (svg) => {
    const b = svg.viewBox.baseVal;
    return b && b.width ? [b.width, b.height] : [800, 600];
  };
  const fit = () => {
    const svg = $("picture").querySelector("svg");
    if (!svg) return;
    const [w, h] = size(svg), box = $("picture").getBoundingClientRect();
    place.scale = Math.min(box.width / w, box.height / h, 1.5);
    /* Tall pictures are shown at readable letters from the top; wide ones whole. */
    if (place.scale < 0.75) place.scale = Math.min(0.75, box.width / w);
    place.x = Math.max(0, (box.width - w * place.scale) / 2);
    place.y = Math.max(0, (box.height - h * place.scale) / 2);
    move();
  };
  const zoom = (factor, x, y) => {
    const box = $("picture").getBoundingClientRect();
    if (x === undefined) { x = box.width / 2; y = box.height / 2; }
    const scale = Math.min(8, Math.max(0.02, place.scale * factor)), k = scale / place.scale;
    place = { x: x - (x - place.x) * k, y: y - (y - place.y) * k, scale };
    move();
  };

  const boxAbout = (b) => {
    const about = [];
    if (b.path) about.push(["scope", b.path]);
    for (const line of b.detail.split("\n")) if (line) about.push(["", line]);
    if (b.kernels) about.push(["kernels", count(b.kernels)]);
    if (b.open >= 0) about.push(["opens", "click, or Enter"]);
    else if (b.nodes > 1) about.push(["nodes", "click, or Enter lists them"]);
    return about;
  };
  const tell = (title, rows) => {
    const about = $("facts");
    about.replaceChildren(make("h2", title));
    const list = make("dl");
    for (const [k, v] of rows) {
      list.append(make("dt", k));
      const dd = make("dd");
      if (v instanceof Node) dd.append(v); else dd.textContent = v;
      list.append(dd);
    }
    about.append(list);
  };

  /* A picture that appears under a resting pointer is not pointed at. */
  let still = true;
  function open(index) {
    view = index;
    still = true;
    const v = program.views[view], host = $("picture");
    host.querySelector("svg")?.remove();
    const svg = document.importNode(new DOMParser().parseFromString(PICTURES[v.svg], "image/svg+xml").documentElement, true);
    const texts = v.texts.split("\n");
    svg.querySelectorAll("text").forEach((t, i) => { t.textContent = texts[i]; });
    const [w, h] = size(svg);
    svg.setAttribute("width", w);
    svg.setAttribute("height", h);
    svg.setAttribute("role", "group");
    host.prepend(svg);
    for (const b of v.boxes) {
      const g = svg.getElementById(b.id);
      if (!g) continue;
      g.setAttribute("tabindex", "0");
      g.setAttribute("role", "button");
      g.setAttribute("aria-label", b.label + (b.open >= 0 ? ", opens" : ""));
      if (b.open >= 0) g.classList.add("opens");
      if (b.open < 0 && b.id[0] === "c") continue;
      const enter = () => { if (!still) tell(b.label, boxAbout(b)); };
      g.addEventListener("mouseenter", enter);
      g.addEventListener("focus", () => tell(b.label, boxAbout(b)));
      g.addEventListener("click", () => { if (!moved) enterBox(b); });
      g.addEventListener("keydown", (e) => {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); enterBox(b); }
      });
    }
    trail();
    fit();
    tellView();
    mark();
    write();
  }
  const enterBox = (b) => {
    if (b.open >= 0) { node = 0; open(b.open); $("picture").focus({ preventScroll: true }); }
    else if (b.node) pick(b.node, false);
    else listBox(b);
  };
  /* A part too small for a picture of its own: its nodes, in order. */
  const listBox = (b) => {
    const p = program, index = Number(b.id.slice(1)), rows = boxAbout(b).filter((r) => r[0] !== "nodes");
    if (b.id[0] !== "b") return;
    let n = 0;
    for (let id = 1; id < p.nodes.op.length && n < 400; id++)
      if (p.nodes.view[id] === view && p.nodes.box[id] === index) {
        rows.push([n++ ? "" : "nodes", link(opOf(p, id) + "  " + (S[p.nodes.name[id]] || typeOf(p, id)), () => pick(id, false))]);
      }
    tell(b.label, rows);
  };
  const up = () => { const p = program.views[view].parent; if (p >= 0) open(p); };
  const trail = () => {
    const list = [];
    for (let v = view; v >= 0; v = program.views[v].parent) list.unshift(v);
    $("path").replaceChildren(...list.flatMap((v, i) => {
      const b = make("button", program.views[v].title);
      if (v === view) b.setAttribute("aria-current", "page");
      else b.addEventListener("click", () => open(v));
      return i ? [make("span", "›"), b] : [b];
    }));
  };
  const mark = () => {
    const svg = $("picture").querySelector("svg");
    svg?.querySelectorAll(".picked").forEach((x) => x.classList.remove("picked"));
    if (!node || program.nodes.view[node] < 0) return;
    /* The picked node's box here, or that of the view it is reached through. */
    let v = program.nodes.view[node], id = "b" + program.nodes.box[node];
    while (v >= 0 && v !== view) {
      const parent = program.views[v].parent;
      const from = parent >= 0 ? program.views[parent].boxes.find((b) => b.open === v) : null;
      v = parent;
      id = from ? from.id : null;
    }
    if (v === view && id) svg?.getElementById(id)?.classList.add("picked");
  };

  /* ---- one node, one kernel ---- */

  const link = (text, act) => {
    const b = make("button", text);
    b.style.cssText = "border:0;padding:0;background:none;color:var(--link);text-align:left";
    b.addEventListener("click", act);
    return b;
  };
  function tellNode(id) {
    const p = program, s = p.nodes.step[id];
    const rows = [["op", opOf(p, id)], ["value", typeOf(p, id) + ", " + bytes(p.nodes.bytes[id])]];
    if (S[p.nodes.scope[id]]) rows.push(["scope", S[p.nodes.scope[id]]]);
    rows.push(["from", roleOf(p, id)]);
    if (where(p, id)) rows.push(["XML line", where(p, id)]);
    usesOf(p, id).forEach((u, k) => rows.push([k ? "" : "used at", u]));
    if (p.nodes.macs[id]) rows.push(["multiply-adds", macs(p.nodes.macs[id])]);
    if (s >= 0) {
      const all = membersOf(p, s);
      rows.push(["kernel", link(s + " of " + p.steps.first.length +
        (all.length > 1 ? ", fused of " + all.length : ""), () => pickStep(s))]);
    } else rows.push(["kernel", "none: it costs nothing"]);
    const v = p.nodes.view[id];
    if (v >= 0 && v !== view) rows.push(["picture", link("show", () => open(v))]);
    const inputs = p.nodes.inputs[id] || [];
    inputs.slice(0, 24).forEach((i, k) => rows.push([k ? "" : "reads", link(nameOf(p, i) + " (" + opOf(p, i) + ")", () => pick(i, false))]));
    tell(nameOf(p, id), rows);
  }
  function pick(id, follow) {
    node = id;
    if (follow && program.nodes.view[id] >= 0 && program.nodes.view[id] !== view) open(program.nodes.view[id]);
    mark();
    tellNode(id);
    write();
  }
  const pickStep = (s) => {
    const p = program, all = membersOf(p, s);
    step = s;
    drawMemory();
    const rows = all.slice(0, 40).map((id, k) => [k ? "" : "ops", link(opOf(p, id) + "  " + (where(p, id) || nameOf(p, id)), () => pick(id, true))]);
    if (all.length > 40) rows.push(["", "and " + (all.length - 40) + " more"]);
    if (p.steps.macs[s]) rows.push(["multiply-adds", macs(p.steps.macs[s])]);
    rows.push(["reads + writes", bytes(p.steps.bytes[s])], ["alive here", bytes(p.live[s])]);
    if (p.steps.stream[s]) rows.push(["stream", String(p.steps.stream[s])]);
    tell("kernel " + s, rows);
  };
  const tellView = () => {
    const v = program.views[view];
    if (view === 0) {
      tell(program.name, [["model", DATA.model], ["file", DATA.source], ["compiled for", DATA.target],
        ["kind", program.kind], ["nodes", count(program.nodes.op.length - 1)],
        ["kernels", count(program.steps.first.length)], ["multiply-adds", macs(program.macs)],
        ["scratch memory", bytes(program.scratch)], ["lower bound", bytes(program.bound)], ["state", bytes(DATA.state)]]);
    } else tell(v.title, [["scope", v.path], ["boxes", count(v.boxes.length)]]);
  };

  /* ---- memory over time ---- */

  const SVG = "http://www.w3.org/2000/svg";
  /* Kernels of a life: what is there before the first begins at the start. */
  const span = (p, i) => (p.lives.from[i] < 0 ? "start" : p.lives.from[i]) + "–" + (p.lives.to[i] >= p.live.length ? "end" : p.lives.to[i]);
  function drawMemory() {
    const p = program, n = p.live.length, top = Math.max(1, p.scratch);
    const at = step < 0 ? p.peak : step, chart = $("chart");
    let d = "M0 100";
    p.live.forEach((b, i) => { const y = (100 - 100 * b / top).toFixed(2); d += `L${i} ${y}L${i + 1} ${y}`; });
    d += `L${n} 100Z`;
    chart.setAttribute("viewBox", `0 -4 ${Math.max(1, n)} 104`);
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", d);
    shape.setAttribute("class", "alive");
    const rule = (x, name) => {
      const l = document.createElementNS(SVG, "line");
      for (const [k, v] of [["x1", x], ["x2", x], ["y1", -4], ["y2", 100], ["class", name]]) l.setAttribute(k, v);
      return l;
    };
    chart.replaceChildren(shape, rule(p.peak + 0.5, "rule"));
    if (at !== p.peak) chart.append(rule(at + 0.5, "here"));
    chart.setAttribute("aria-label", `bytes alive at each of ${n} kernels; most at kernel ${p.peak}: ${bytes(p.most)}`);
    $("chartsays").textContent = `kernel ${at} of ${n}${at === p.peak ? ", the peak" : ""}: ${bytes(p.live[at] || 0)} alive` +
      ` · peak ${bytes(p.most)} at kernel ${p.peak} (line) · arrows left and right move by a kernel, Home goes to the peak`;
    const alive = [];
    for (let i = 0; i < p.lives.node.length; i++)
      if (p.lives.from[i] <= at && at <= p.lives.to[i]) alive.push(i);
    alive.sort((a, b) => p.lives.bytes[b] - p.lives.bytes[a] || a - b);
    const body = alive.slice(0, 200).map((i) => {
      const id = p.lives.node[i], row = make("tr");
      row.append(make("td", bytes(p.lives.bytes[i]), { class: "number" }), make("td", (p.lives.work[i] ? "work buffer of " : "") + opOf(p, id)),
        make("td", typeOf(p, id)), make("td", nameOf(p, id)), make("td", roleOf(p, id)), make("td", where(p, id)),
        make("td", span(p, i), { class: "number" }));
      row.addEventListener("click", () => pick(id, true));
      return row;
    });
    $("alive").replaceChildren(...body);
    const rest = alive.slice(200).reduce((sum, i) => sum + p.lives.bytes[i], 0);
    $("aliverest").textContent = alive.length > 200 ? `and ${count(alive.length - 200)} more, together ${bytes(rest)}` : "";
  }

  /* ---- kernels ---- */

  let order = { key: "kernel", down: false };
  const columns = [
    ["kernel", (p, s) => s, true], ["ops", (p, s) => p.steps.label[s], false],
    ["XML line", (p, s) => where(p, p.steps.main[s]), false], ["scope", (p, s) => S[p.nodes.scope[p.steps.main[s]]], false],
    ["fused", (p, s) => p.steps.count[s], true], ["multiply-adds", (p, s) => p.steps.macs[s], true, macs],
    ["bytes", (p, s) => p.steps.bytes[s], true, bytes], ["stream", (p, s) => p.steps.stream[s], true]];
  function drawKernels() {
    const p = program, column = columns.find((c) => c[0] === order.key);
    const all = p.steps.first.map((_, s) => s);
    const key = all.map((s) => column[1](p, s));
    all.sort((a, b) => (key[a] < key[b] ? -1 : key[a] > key[b] ? 1 : 0) * (order.down ? -1 : 1) || a - b);
    $("kernelhead").replaceChildren(...columns.map(([name, , number]) => {
      const th = make("th", undefined, { scope: "col", class: number ? "number" : "", "aria-sort": name !== order.key ? "none" : order.down ? "descending" : "ascending" });
      const b = make("button", name + (name !== order.key ? "" : order.down ? " ▾" : " ▴"));
      b.addEventListener("click", () => { order = { key: name, down: name === order.key ? !order.down : !!number && name !== "kernel" }; drawKernels(); });
      th.append(b);
      return th;
    }));
    const rows = all.slice(0, 500).map((s) => {
      const row = make("tr", undefined, { tabindex: "0" });
      for (const [, get, number, format] of columns) {
        const v = get(p, s);
        row.append(make("td", format ? format(v) : String(v ?? ""), number ? { class: "number" } : {}));
      }
      const act = () => { pick(p.steps.main[s], true); pickStep(s); };
      row.addEventListener("click", act);
      row.addEventListener("keydown", (e) => { if (e.key === "Enter") act(); });
      return row;
    });
    $("kernels").replaceChildren(...rows);
    $("kernelrest").textContent = all.length > 500 ? `the first 500 of ${count(all.length)}: sort by another column, or search` : "";
  }

  /* ---- search ---- */

  let hits = [], hit = -1;
  function search() {
    const p = program, words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = [];
    hit = -1;
    if (words.length) {
      const text = (id) => (S[p.nodes.name[id]] + " " + S[p.nodes.scope[id]] + " " + opOf(p, id) + " " + where(p, id)).toLowerCase();
      p.views.forEach((v, i) => { if (i && words.every((w) => v.path.toLowerCase().includes(w))) hits.push({ view: i }); });
      hits.sort((a, b) => p.views[a.view].path.length - p.views[b.view].path.length);
      hits.length = Math.min(hits.length, 8);
      for (let id = 1; id < p.nodes.op.length && hits.length < 60; id++)
        if (words.every((w) => text(id).includes(w))) hits.push({ node: id });
    }
    $("hits").hidden = !words.length;
    $("search").setAttribute("aria-expanded", String(!!words.length));
    $("hits").replaceChildren(...(hits.length ? hits.map((h, i) => {
      const li = make("li", h.node ? nameOf(p, h.node) : p.views[h.view].title, { role: "option", id: "hit" + i, "aria-selected": "false" });
      li.append(make("small", h.node ? [opOf(p, h.node), typeOf(p, h.node), roleOf(p, h.node), where(p, h.node)].filter(Boolean).join(" · ") : "scope " + p.views[h.view].path));
      li.addEventListener("click", () => take(i));
      return li;
    }) : words.length ? [make("li", "nothing in this program", { role: "option" })] : []));
  }
  const take = (i) => {
    const h = hits[i];
    if (!h) return;
    $("hits").hidden = true;
    $("search").setAttribute("aria-expanded", "false");
    if (h.node) pick(h.node, true); else { node = 0; open(h.view); }
  };
  const at = (i) => {
    hit = Math.max(0, Math.min(hits.length - 1, i));
    [...$("hits").children].forEach((li, k) => li.setAttribute("aria-selected", String(k === hit)));
    $("search").setAttribute("aria-activedescendant", "hit" + hit);
    $("hit" + hit)?.scrollIntoView({ block: "nearest" });
  };

  /* ---- what is chosen ---- */

  function show(name) {
    tab = name;
    for (const t of ["memory", "kernels"]) {
      $("tab-" + t).setAttribute("aria-selected", String(t === name));
      $("tab-" + t).tabIndex = t === name ? 0 : -1;
      $("panel-" + t).hidden = t !== name;
    }
    if (name === "kernels") drawKernels(); else drawMemory();
    write();
  }
  function choose(p) {
    if (program === p) return;
    program = p;
    node = 0;
    step = -1;
    $("program").value = p.name;
    if (tab === "kernels") drawKernels(); else drawMemory();
  }

  /* ---- hands ---- */

  let moved = false, from = null;
  const picture = $("picture");
  picture.addEventListener("pointerdown", (e) => {
    if (e.button || e.target.closest("#zoom")) return;
    from = { x: e.clientX, y: e.clientY, px: place.x, py: place.y };
    moved = false;
  });
  window.addEventListener("pointermove", (e) => {
    still = false;
    if (!from) return;
    const dx = e.clientX - from.x, dy = e.clientY - from.y;
    if (Math.hypot(dx, dy) > 4) moved = true;
    if (moved) { place.x = from.px + dx; place.y = from.py + dy; move(); }
  });
  window.addEventListener("pointerup", () => { from = null; });
  picture.addEventListener("wheel", (e) => {
    e.preventDefault();
    const box = picture.getBoundingClientRect();
    if (e.ctrlKey || e.metaKey) zoom(Math.exp(-e.deltaY / 200), e.clientX - box.left, e.clientY - box.top);
    else { place.x -= e.deltaX; place.y -= e.deltaY; move(); }
  }, { passive: false });
  picture.addEventListener("focusin", (e) => {
    /* What the keyboard reaches is in sight. */
    const g = e.target.closest("g.node");
    if (!g) return;
    const a = g.getBoundingClientRect(), b = picture.getBoundingClientRect();
    if (a.left < b.left || a.right > b.right) place.x += b.left + b.width / 2 - (a.left + a.width / 2);
    if (a.top < b.top || a.bottom > b.bottom) place.y += b.top + b.height / 2 - (a.top + a.height / 2);
    move();
    picture.scrollTo(0, 0);
  });
  picture.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
    if (by && !e.altKey) { e.preventDefault(); place.x += by[0]; place.y += by[1]; move(); }
  });
  $("zoomin").addEventListener("click", () => zoom(1.25));
  $("zoomout").addEventListener("click", () => zoom(0.8));
  $("zoomfit").addEventListener("click", fit);
  $("program").addEventListener("change", (e) => { choose(DATA.programs.find((p) => p.name === e.target.value)); open(0); });
  $("search").addEventListener("input", search);
  $("search").addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown") { e.preventDefault(); at(hit + 1); }
    else if (e.key === "ArrowUp") { e.preventDefault(); at(hit - 1); }
    else if (e.key === "Enter") take(hit < 0 ? 0 : hit);
  });
  document.addEventListener("click", (e) => { if (!e.target.closest("#find")) $("hits").hidden = true; });
  for (const t of ["memory", "kernels"]) $("tab-" + t).addEventListener("click", () => { $("tables").classList.remove("shut"); show(t); });
  $("shut").addEventListener("click", () => { $("tables").classList.toggle("shut"); fit(); });
  document.querySelector("[role=tablist]").addEventListener("keydown", (e) => {
    if (e.key !== "ArrowRight" && e.key !== "ArrowLeft") return;
    show(tab === "memory" ? "kernels" : "memory");
    $("tab-" + tab).focus();
  });
  const step_at = (e) => {
    const box = $("chart").getBoundingClientRect();
    return Math.max(0, Math.min(program.live.length - 1, Math.floor((e.clientX - box.left) / box.width * program.live.length)));
  };
  $("chart").addEventListener("click", (e) => { step = step_at(e); drawMemory(); });
  $("chart").addEventListener("keydown", (e) => {
    const now = step < 0 ? program.peak : step, n = program.live.length;
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 100, PageDown: now + 100, Home: program.peak }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    step = Math.max(0, Math.min(n - 1, to));
    drawMemory();
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" || (e.key === "Backspace" && e.target.tagName !== "INPUT")) {
      if (!$("hits").hidden) $("hits").hidden = true;
      else if ($("help").open) $("help").close();
      else { e.preventDefault(); up(); picture.focus({ preventScroll: true }); }
    }
    if (e.target.tagName === "INPUT" || e.target.tagName === "SELECT" || e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === "/") { e.preventDefault(); $("search").focus(); $("search").select(); }
    if (e.key === "+" || e.key === "=") zoom(1.25);
    if (e.key === "-") zoom(0.8);
    if (e.key === "0") fit();
    if (e.key === "?") $("help").showModal();
  });
  $("keys").addEventListener("click", () => $("help").showModal());
  window.addEventListener("hashchange", read);
  window.addEventListener("resize", fit);

  document.title = DATA.model;
  $("model").textContent = DATA.model;
  for (const p of DATA.programs) $("program").append(make("option", p.name, { value: p.name }));
  read();
  document.body.dataset.ready = "";
})();
