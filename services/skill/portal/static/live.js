// Live changes: fills the slots of a page with what the stream says.
// What a slot is stands in services/skill/live/rows.py.

const SILENCE = 40_000; // ms; the server says something at least each 15 s
const HIDDEN = 60_000; // ms after which a page that nobody sees lets go of its connection
const PATIENCE = 3_000; // ms before people are told that the connection broke
const AGAIN = [3_000, 60_000]; // ms between two tries after we were refused: first, longest

const page = document.querySelector("[data-live]");
const list = page.querySelector(".printers");
const template = document.getElementById("printer");
const interrupted = document.getElementById("interrupted");
const said = document.getElementById("said");
const filter = page.querySelector(".filter");
const title = document.title;

// Slots -----------------------------------------------------------------------------------------

const fit = (root, count) => {
  for (const each of root.querySelectorAll('[data-each="heater"]')) {
    const made = each.querySelector("template");
    while (each.children.length - 1 > count) each.lastElementChild.remove();
    while (each.children.length - 1 < count) {
      const index = each.children.length - 1;
      const item = made.content.firstElementChild.cloneNode(true);
      for (const slot of [item, ...item.querySelectorAll("[data-slot]")]) {
        slot.dataset.slot = slot.dataset.slot.replace("?", index);
      }
      each.append(item);
    }
  }
};

const fill = (root, slots) => {
  if ("@data-heaters" in slots) fit(root, Number(slots["@data-heaters"]));
  for (const [key, text] of Object.entries(slots)) {
    const [name, attribute] = key.split("@");
    const found = name ? root.querySelectorAll(`[data-slot="${CSS.escape(name)}"]`) : [root];
    for (const element of found) {
      if (attribute === undefined) {
        if (element.textContent !== text) element.textContent = text;
        element.hidden = text === "";
      } else if (text === "") {
        element.removeAttribute(attribute);
      } else {
        element.setAttribute(attribute, text);
      }
    }
  }
};

// The list --------------------------------------------------------------------------------------

const rows = () => (list ? [...list.children] : []);
const parts = new Map(); // a printer's id → its elements
for (const element of document.querySelectorAll("[data-printer]")) {
  const id = element.dataset.printer;
  if (id) parts.set(id, [...(parts.get(id) ?? []), element]);
}

const fits = (row) => {
  if (!filter) return true;
  const wanted = filter.q.value.trim().toLowerCase();
  const state = filter.state.value;
  const text = (name) => row.querySelector(`[data-slot="${name}"]`).textContent.toLowerCase();
  return (
    (state === "" || row.dataset.group === state) &&
    (wanted === "" || `${text("name")} ${text("file")}`.includes(wanted))
  );
};

const sift = () => {
  let shown = 0;
  for (const row of rows()) {
    row.hidden = !fits(row);
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("none").hidden = shown > 0;
};

// Rows are moved around the one that has the focus: what moves loses it.
const arrange = () => {
  const order = (one) => one.dataset.order ?? "";
  const sorted = rows().sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
  const focused = document.activeElement;
  let cursor = list.firstElementChild;
  for (const row of sorted) {
    if (row === cursor) cursor = cursor.nextElementSibling;
    else if (list.moveBefore) list.moveBefore(row, cursor);
    else list.insertBefore(row, cursor);
  }
  if (document.activeElement !== focused) focused.focus({ preventScroll: true });
};

const drop = (id) => {
  for (const element of parts.get(id) ?? []) element.remove();
  parts.delete(id);
};

// What is said aloud: changes of state only.
let sayings = [];
let saying = 0;
const say = (text) => {
  sayings.push(text);
  // Not put off by the next one: in a large fleet there always is a next one.
  saying ||= setTimeout(() => {
    const more = sayings.length > 3 ? ` And ${sayings.length - 3} more changes.` : "";
    said.textContent = sayings.slice(0, 3).join(" ") + more;
    sayings = [];
    saying = 0;
  }, 1_000);
};

const change = (id, slots) => {
  let elements = parts.get(id);
  if (!elements) {
    if (!list) return;
    const row = template.content.firstElementChild.cloneNode(true);
    row.dataset.printer = id;
    list.append(row);
    elements = [row];
    parts.set(id, elements);
  }
  const before = page.ownerDocument.querySelector(
    `[data-printer="${CSS.escape(id)}"] [data-slot="state"]`,
  )?.textContent;
  for (const element of elements) fill(element, slots);
  if (before && slots.state && slots.state !== before) {
    const name = elements[0].querySelector('[data-slot="name"]').textContent;
    const why = elements.map((one) => one.querySelector('[data-slot="why"]')).find((one) => one);
    say(`${name}: ${slots.state}. ${why?.textContent ?? ""}`);
  }
};

const use = (news) => {
  for (const [id, slots] of Object.entries(news.rows ?? {})) change(id, slots);
  const gone = new Set(news.gone ?? []);
  if (news.all) {
    const all = new Set(news.all);
    for (const id of parts.keys()) if (!all.has(id)) gone.add(id);
  }
  for (const id of gone) drop(id);
  if (gone.size && (!list || !list.children.length)) {
    location.assign("/printers");
    return;
  }
  if (news.head) {
    fill(page, news.head);
    if ("waiting" in news.head && list) {
      document.title = news.head.waiting ? `(${news.head.waiting}) ${title}` : title;
    }
  }
  if (list && (news.rows || gone.size)) {
    arrange();
    sift();
  }
};

// The stream ------------------------------------------------------------------------------------

let source = null;
let watchdog = 0;
let warning = 0;
let retry = 0;
let wait = AGAIN[0];

const warn = (text, target) => {
  interrupted.textContent = text;
  if (target) {
    const link = document.createElement("a");
    link.href = target;
    link.textContent = "Sign in again";
    interrupted.append(" ", link);
  }
  interrupted.hidden = false;
  page.dataset.interrupted = "yes";
};

const alive = () => {
  clearTimeout(warning);
  clearTimeout(watchdog);
  warning = 0;
  watchdog = setTimeout(begin, SILENCE);
  if (!interrupted.hidden) {
    interrupted.hidden = true;
    delete page.dataset.interrupted;
  }
};

const end = () => {
  source?.close();
  source = null;
  for (const timer of [watchdog, warning, retry]) clearTimeout(timer);
  warning = 0;
};

const over = () => {
  end();
  warn("You are signed out, so this page is not live any more.", page.dataset.signin);
};

// An EventSource does not tell why it was refused.
const isSignedOut = async () => {
  const asked = new AbortController();
  try {
    const headers = { accept: "text/event-stream" };
    const answer = await fetch(page.dataset.live, { headers, signal: asked.signal });
    return answer.status === 401;
  } catch {
    return false;
  } finally {
    asked.abort();
  }
};

const begin = () => {
  end();
  source = new EventSource(page.dataset.live);
  watchdog = setTimeout(begin, SILENCE);
  source.addEventListener("open", () => {
    wait = AGAIN[0];
    alive();
  });
  source.addEventListener("beat", alive);
  source.addEventListener("message", (event) => {
    alive();
    use(JSON.parse(event.data));
  });
  source.addEventListener("over", over);
  source.addEventListener("error", async () => {
    warning ||= setTimeout(() => {
      warn("Live updates are interrupted: what you see may be old. Trying again …");
    }, PATIENCE);
    // A browser comes back by itself unless it was refused.
    if (source.readyState === EventSource.CLOSED) {
      clearTimeout(retry);
      retry = setTimeout(begin, wait);
      wait = Math.min(wait * 2, AGAIN[1]);
      if (await isSignedOut()) over();
    }
  });
};

// Six connections are all that a browser has for us: a page that nobody sees gives its own back.
let hiding = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(end, HIDDEN);
  else if (!source) begin();
});
addEventListener("pagehide", end);
addEventListener("pageshow", (event) => {
  if (event.persisted) begin();
});

if (filter) {
  const show = () => {
    sift();
    const asked = new URLSearchParams();
    for (const field of [filter.q, filter.state]) if (field.value) asked.set(field.name, field.value);
    history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
  };
  filter.addEventListener("input", show);
  filter.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  filter.querySelector("button").hidden = true;
}
begin();
