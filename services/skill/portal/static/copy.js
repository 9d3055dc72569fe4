// Copies what a field or a block of code holds: <button data-copy="id of it" hidden>.
"use strict";

const said = document.createElement("div"); // for who does not see the button change
said.className = "visually-hidden";
said.setAttribute("role", "status");
document.body.append(said);

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) continue;
  const label = button.textContent;
  let timer;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = "value" in source ? source.value : source.textContent;
    let copied = false;
    try {
      await navigator.clipboard.writeText(text);
      copied = true;
    } catch {
      // Without https there is no clipboard to write to: the old way, or else it is selected.
      if (source.select) {
        source.select();
      } else {
        getSelection().selectAllChildren(source);
      }
      copied = document.execCommand("copy");
    }
    button.textContent = said.textContent = copied ? "Copied" : "Press Ctrl+C";
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = label;
      said.textContent = "";
    }, 2500);
  });
}
