// The 3x3 pattern editor. Data in: {patterns, readonly, revision}. State out: "patterns".
// Nodes are updated in place: a redraw would take the keyboard focus away.
const SIZE = 3;
const models = new WeakMap();

const rotated = (p) => p.map((_, i) => p[(SIZE - 1 - (i % SIZE)) * SIZE + Math.floor(i / SIZE)]);
const mirrored = (p) => p.map((_, i) => p[Math.floor(i / SIZE) * SIZE + (SIZE - 1 - (i % SIZE))]);

function button(label, title, onclick) {
  const node = document.createElement("button");
  node.type = "button";
  node.textContent = label;
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
    add = button("+", "Add a pattern", () =>
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
    button("↻", "Rotate this pattern", () =>
      edit((next) => { next[index] = rotated(next[index]); })),
    button("⇋", "Mirror this pattern", () =>
      edit((next) => { next[index] = mirrored(next[index]); })),
    button("⧉", "Duplicate this pattern", () =>
      edit((next) => { next.splice(index + 1, 0, [...next[index]]); })),
    button("✕", "Delete this pattern", () => edit((next) => { next.splice(index, 1); })),
  );
  card.append(head, grid, tools);
  return { card, title, kept, tools, cells };
}
