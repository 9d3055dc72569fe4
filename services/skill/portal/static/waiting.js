// Keeps <div id="connection" data-source="…"> up to date; <p id="said"> tells it to screen readers.
const SOON = 1000; // milliseconds, while something is waited for
const LATER = 5000; // once the printer is heard, or we are away
const HIDDEN = 15000;

const place = document.getElementById("connection");
const said = document.getElementById("said");
let shown = "";

// What it says is ours and escaped; replaced only where it changed, so that a text that
// somebody marks, or a link in focus, stays.
function show(answer) {
  if (answer.html !== shown) {
    shown = answer.html;
    place.innerHTML = answer.html;
  }
  said.classList.add("visually-hidden");
  if (said.textContent !== answer.said) said.textContent = answer.said;
  return answer.received ? LATER : SOON;
}

async function look() {
  try {
    const answer = await fetch(place.dataset.source, {
      headers: { Accept: "application/json" },
      cache: "no-store",
      redirect: "error",
    });
    if (answer.ok) return show(await answer.json());
    said.textContent =
      answer.status === 401 || answer.status === 404
        ? "You are signed out, or the printer is gone. Load this page again."
        : "Voxtrude is away for the moment; this page tries again.";
  } catch {
    said.textContent = "Voxtrude cannot be reached; this page tries again.";
  }
  said.classList.remove("visually-hidden");
  return LATER;
}

async function watch() {
  const pause = await look();
  setTimeout(watch, document.hidden ? HIDDEN : pause);
}

let timer;
document.addEventListener("visibilitychange", () => {
  if (document.hidden || timer) return;
  timer = setTimeout(() => {
    timer = undefined;
    look();
  }, 0);
});
watch();
