// The page around the three panels: tabs, theme, key and health.

import { call } from "./api.js";
import { listVoices } from "./speak.js";
import "./transcribe.js";
import "./echo.js";

const root = document.documentElement;
const tabs = [...document.querySelectorAll("[role=tab]")];
const key = document.querySelector("#key");
const theme = document.querySelector("#theme");

function select(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    select(tabs.at(next % tabs.length));
  });
}

function paint(dark) {
  root.dataset.theme = dark ? "dark" : "light";
  theme.setAttribute("aria-pressed", dark);
}

paint(matchMedia("(prefers-color-scheme: dark)").matches);
theme.addEventListener("click", () => paint(root.dataset.theme !== "dark"));

document.querySelector("#key-field").hidden = root.dataset.keys !== "on";
key.value = sessionStorage.getItem("key") ?? "";
key.addEventListener("change", () => { sessionStorage.setItem("key", key.value); listVoices(); });

async function health() {
  const line = document.querySelector("#health");
  try {
    const told = await (await call("health")).json();
    const { asr, tts } = told.upstreams;
    line.textContent = `listens with ${asr.models.join(", ")}, speaks with ${tts.engines.join(", ")}`;
  } catch {
    line.textContent = "not all of the service is there yet";
  }
}

health();
if (root.dataset.keys !== "on" || key.value) listVoices();
