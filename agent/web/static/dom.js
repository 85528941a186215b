// Small helpers: elements are made once and then only told what is new, so that nothing flickers or jumps.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) put(node, name, value);
  node.append(...children);
  return node;
}

export function put(node, name, value) {
  if (value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

export function text(node, words) {
  const wanted = words === null || words === undefined ? "" : String(words);
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function shape(tone) {
  const use = svg("use", { href: `#shape-${tone}` });
  return svg("svg", { class: "shape", "aria-hidden": "true" }, use);
}

export function reshape(icon, tone) {
  put(icon.firstChild, "href", `#shape-${tone}`);
}

// Children of `parent`, one for each of `items`: known by their key, made by `make`, told what is new by `tell`.
export function each(parent, items, key, make, tell) {
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstChild;
  for (const item of items) {
    const name = String(key(item));
    let node = known.get(name);
    known.delete(name);
    if (!node) {
      node = make(item);
      node.dataset.key = name;
    }
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    tell(node, item);
  }
  for (const node of known.values()) node.remove();
}
