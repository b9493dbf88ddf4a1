"use strict";
// Sorting and filtering of tables, and a viewer of large pictures. Without it the page shows the same, in the order of time.
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const stated = cell.dataset.v;
    const text = stated === undefined ? cell.textContent.trim() : stated;
    const number = text === "" || text === "\u2013" ? NaN : Number(text);
    return stated !== undefined || !Number.isNaN(number) ? [number, text] : [NaN, text];
  };
  const compare = (one, other) => {
    const [a, s] = one, [b, t] = other;
    const unknown = ([number, text]) => Number.isNaN(number) && (text === "" || text === "\u2013");
    if (unknown(one) || unknown(other)) return null;
    if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b;
    return s.localeCompare(t, undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
        rows.sort(([one, first], [other, second]) => {
          const order = compare(one, other);
          if (order !== null) return down ? -order : order;  // what is not known is last in both orders
          const known = (value) => !(Number.isNaN(value[0]) && (value[1] === "" || value[1] === "\u2013"));
          return known(other) - known(one);
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
    const count = make("output");
    const field = make("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows" });
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = words.length ? `${shown} of ${body.rows.length}` : "";
    });
    table.closest(".wide").before(make("p", { class: "filter" }, field, " ", count));
  }

  const store = document.getElementById("pictures");
  const dialog = document.createElement("dialog");
  if (!store || !dialog.showModal) return;
  const { pictures, views } = JSON.parse(store.textContent);
  const title = make("h2");
  const frame = make("div", { class: "frame" });
  const buttons = make("p", { class: "views" });
  const flagged = make("input", { type: "checkbox", checked: "" });
  const blinking = make("input", { type: "checkbox" });
  const close = make("button", { type: "button", class: "close" }, "Close");
  dialog.append(title, buttons, frame, close);
  document.body.append(dialog);
  let layers = [], shown = 0, timer = 0;
  const show = (index) => {
    shown = index;
    layers.forEach(({ group, button }, place) => {
      group.hidden = place !== index;
      button.setAttribute("aria-pressed", String(place === index));
    });
  };
  const stop = () => { clearInterval(timer); timer = 0; blinking.checked = false; };
  const layer = (name, source, flags, place) => {
    const group = make("div", { class: "layer" });
    const picture = make("img", { src: source, alt: `${name} image` });
    // All of it is seen at once, and pictures of fewer pixels are as large.
    picture.addEventListener("load", () => {
      frame.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
    });
    group.append(picture);
    if (flags) group.append(make("img", { src: flags, alt: "Flags", class: "flags" }));
    if (place) {
      // From the combined image back to the frame, about its middle; on the screen y is down.
      const turn = `scaleX(${place.flipped ? -1 : 1}) rotate(${place.rotation || 0}deg) scale(${1 / (place.scale || 1)})`;
      group.style.transform = `${turn} translate(${-100 * place.dx}%, ${100 * place.dy}%)`;
    }
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => { stop(); show(layers.findIndex((one) => one.button === button)); });
    layers.push({ group, button });
  };
  const open = (file) => {
    const own = pictures[file], view = views[file] || {};
    if (!own || !own.large) return false;
    stop();
    layers = [];
    if (own.raw) layer("raw", own.raw);
    layer(own.raw ? "calibrated" : "image", own.large, own.flags);
    const other = view.combined && pictures[view.combined];
    if (other && other.large && view.dx !== undefined) layer("combined", other.large, other.flags, view);
    title.textContent = view.title || file;
    frame.replaceChildren(...layers.map(({ group }) => group));
    const several = layers.length > 1;
    buttons.replaceChildren(
      ...(several ? layers.map(({ button }) => button) : []),
      ...(several ? [make("label", {}, blinking, " blink")] : []),
      ...(own.flags ? [make("label", {}, flagged, " flags")] : []),
    );
    show(own.raw ? 1 : 0);
    dialog.showModal();
    return true;
  };
  blinking.addEventListener("change", () => {
    clearInterval(timer);
    timer = blinking.checked ? setInterval(() => show((shown + 1) % layers.length), 700) : 0;
  });
  flagged.addEventListener("change", () => frame.classList.toggle("unflagged", !flagged.checked));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && layers.length) { stop(); show((shown + step + layers.length) % layers.length); }
    if (event.key === "b" && layers.length > 1) blinking.click();
    if (event.key === "f") flagged.click();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-file]");
    if (link && !event.ctrlKey && !event.metaKey && open(link.dataset.file)) event.preventDefault();
  });
})();
