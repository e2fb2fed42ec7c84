// The 3x3 pattern editor. Data in: {patterns, notes, readonly, revision}. State out: "patterns".
// Nodes are updated in place: a redraw would take the keyboard focus away.
const SIZE = 3;
const models = new WeakMap();

const rotated = (p) => p.map((_, i) => p[(SIZE - 1 - (i % SIZE)) * SIZE + Math.floor(i / SIZE)]);
const mirrored = (p) => p.map((_, i) => p[Math.floor(i / SIZE) * SIZE + (SIZE - 1 - (i % SIZE))]);

// 16 x 16 line drawings: glyphs for these differ or lack from font to font.
const ICONS = {
  rotate: "M13 8a5 5 0 1 1-2-4M11 1v3.4H7.6",
  mirror: "M8 2v12M5.5 5 2.5 8l3 3M10.5 5l3 3-3 3",
  copy: "M6 6h8v8H6zM10 6V2H2v8h4",
  remove: "M4 4l8 8M12 4l-8 8",
  add: "M8 3v10M3 8h10",
};

function button(icon, title, onclick) {
  const node = document.createElement("button");
  node.type = "button";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.appendChild(path);
  node.appendChild(svg);
  node.title = title;
  node.setAttribute("aria-label", title);
  node.addEventListener("click", onclick);
  return node;
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".sets");
  let model = models.get(root);
  if (!model) {
    model = { patterns: [], cards: [], revision: null };
    models.set(root, model);
  }
  model.readonly = data.readonly;
  model.notes = data.notes || [];
  model.send = (patterns) => {
    model.patterns = patterns;
    draw(root, model);
    setStateValue("patterns", patterns);
  };
  // Only a new revision replaces what is on screen: the echo of an earlier click may be late.
  if (data.revision !== model.revision) {
    model.revision = data.revision;
    model.patterns = data.patterns.map((p) => [...p]);
  }
  draw(root, model);
}

function draw(root, model) {
  while (model.cards.length > model.patterns.length) model.cards.pop().card.remove();
  while (model.cards.length < model.patterns.length) {
    const made = makeCard(root, model, model.cards.length);
    model.cards.push(made);
    root.insertBefore(made.card, root.querySelector(".add"));
  }
  model.cards.forEach((made, index) => {
    const pattern = model.patterns[index];
    const kept = pattern.reduce((a, b) => a + b, 0);
    made.title.textContent = `${index + 1}`;
    made.kept.textContent = `${kept} of 9`;
    made.note.textContent = model.notes[index] || "";
    made.note.hidden = !model.notes[index];
    made.tools.hidden = model.readonly;
    made.cells.forEach((cell, i) => {
      cell.setAttribute("aria-pressed", pattern[i] ? "true" : "false");
      cell.setAttribute("aria-label", `pattern ${index + 1}, row ${Math.floor(i / SIZE) + 1}, ` +
        `column ${(i % SIZE) + 1}, ${pattern[i] ? "kept" : "pruned"}`);
      cell.setAttribute("aria-disabled", model.readonly ? "true" : "false");
    });
  });
  let add = root.querySelector(".add");
  if (!add) {
    add = button("add", "Add a pattern", () =>
      model.send([...model.patterns, [0, 1, 0, 1, 1, 1, 0, 0, 0]]));
    add.className = "add";
    root.appendChild(add);
  }
  add.hidden = model.readonly;
}

function makeCard(root, model, index) {
  const card = document.createElement("div");
  card.className = "card";
  card.setAttribute("role", "group");
  card.setAttribute("aria-label", `pattern ${index + 1}`);
  const head = document.createElement("div");
  head.className = "head";
  const title = document.createElement("span");
  const kept = document.createElement("span");
  kept.className = "kept";
  head.append(title, kept);
  const grid = document.createElement("div");
  grid.className = "grid";
  const cells = [];
  const edit = (change) => {
    if (model.readonly) return;
    const next = model.patterns.map((p) => [...p]);
    change(next);
    model.send(next);
  };
  for (let i = 0; i < SIZE * SIZE; i += 1) {
    const cell = document.createElement("button");
    cell.type = "button";
    cell.className = "cell";
    cell.tabIndex = i === 0 ? 0 : -1;
    cell.addEventListener("click", () => edit((next) => { next[index][i] = 1 - next[index][i]; }));
    cell.addEventListener("focus", () => {
      cells.forEach((other) => { other.tabIndex = other === cell ? 0 : -1; });
    });
    cell.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: SIZE, ArrowUp: -SIZE }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const target = i + step;
      const sameRow = Math.floor(target / SIZE) === Math.floor(i / SIZE);
      if (cells[target] && (Math.abs(step) === SIZE || sameRow)) cells[target].focus();
    });
    cells.push(cell);
    grid.appendChild(cell);
  }
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.append(
    button("rotate", "Rotate this pattern", () =>
      edit((next) => { next[index] = rotated(next[index]); })),
    button("mirror", "Mirror this pattern", () =>
      edit((next) => { next[index] = mirrored(next[index]); })),
    button("copy", "Duplicate this pattern", () =>
      edit((next) => { next.splice(index + 1, 0, [...next[index]]); })),
    button("remove", "Delete this pattern", () => edit((next) => { next.splice(index, 1); })),
  );
  const note = document.createElement("div");
  note.className = "note";
  card.append(head, grid, note, tools);
  return { card, title, kept, note, tools, cells };
}
