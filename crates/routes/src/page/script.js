"use strict";
document.documentElement.classList.add("js");
const SHOWN_CHARS = 65536;
// A link leads into a closed part: open it.
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const closed = target && target.closest("details");
  if (closed) { closed.open = true; target.parentElement.scrollIntoView(); }
};
addEventListener("hashchange", reveal);
reveal();
document.getElementById("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const part of document.querySelectorAll("details")) {
    const text = part.querySelector("summary").textContent.toLowerCase();
    part.hidden = !words.every((word) => text.includes(word));
  }
  for (const section of document.querySelectorAll("section")) section.hidden = !section.querySelector("details:not([hidden])");
});
for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const got = form.querySelector(".got");
    const query = new URLSearchParams();
    let path = form.getAttribute("data-path"); // form.dataset may be an input of that name
    for (const input of form.querySelectorAll("input")) {
      const value = input.value.trim();
      if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, value.split("/").map(encodeURIComponent).join("/"));
      else if (value) query.append(input.name, value);
    }
    const url = query.size ? `${path}?${query}` : path;
    got.hidden = false;
    got.textContent = `GET ${url}`;
    try {
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      const kind = answer.headers.get("content-type") || "";
      let text = await answer.text();
      if (kind.includes("json")) try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
      got.textContent = `GET ${url}\n${answer.status} ${answer.statusText} ${kind}\n\n${text.slice(0, SHOWN_CHARS)}`;
    } catch (error) {
      got.textContent = `GET ${url}\n${error}`;
    }
  });
}
