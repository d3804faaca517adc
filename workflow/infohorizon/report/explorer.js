// The explorer. Its state is the page's address: #model/benchmark/question/layer. Texts go in as textContent only.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const { images, examples } = JSON.parse(at("data").textContent);
  const [model, benchmark, question, layer] = ["model", "benchmark", "question", "layer"].map(at);
  let example;

  const unique = (values) => [...new Set(values)];
  const chosen = () => examples.filter((e) => e.model === model.value && e.benchmark === benchmark.value);
  const short = (text) => (text.length > 90 ? text.slice(0, 89) + "…" : text);

  function fill(select, options, wanted) {
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    select.value = options.some(([value]) => value === wanted) ? wanted : options[0][0];
  }

  // Fill the lists from the left to the right, each keeping `wanted` where it still exists.
  function choose(wanted) {
    fill(model, unique(examples.map((e) => e.model)).map((name) => [name, name]), wanted[0]);
    const own = examples.filter((e) => e.model === model.value);
    fill(benchmark, unique(own.map((e) => e.benchmark)).map((name) => [name, name]), wanted[1]);
    fill(question, chosen().map((e) => [e.id, short(e.id + ": " + e.question)]), wanted[2]);
    example = chosen().find((e) => e.id === question.value);
    layer.max = example.layers.length - 1;
    const index = example.layers.findIndex((number) => number >= Number(wanted[3] || 0));
    layer.value = index < 0 ? layer.max : index;
    draw();
  }

  function answer(cell, given) {
    cell.textContent = given ? given.map(([text, score]) => `${text || "(nothing)"} (${score})`).join(" / ") : "–";
  }

  function draw() {
    const index = Number(layer.value), number = example.layers[index];
    const sizes = example.information.map((row) => Math.max(...row.map(Math.abs)));
    const scale = Math.max(...sizes, 1);
    const largest = (sizes[index] / 1000).toFixed(3);
    at("layer-name").textContent = `${number} (largest |information| ${largest})`;
    layer.setAttribute("aria-valuetext", `layer ${number}, largest information ${largest}`);
    at("image").src = at("backdrop").src = images[example.image];
    at("image").alt = `Image of the question: ${example.question}`;
    at("asked").textContent = example.question;
    at("label").textContent = example.label;
    answer(at("full"), example.full && [example.full]);
    answer(at("blind"), example.blind && [example.blind]);
    at("low").textContent = "−" + (scale / 1000).toFixed(3);
    at("high").textContent = "+" + (scale / 1000).toFixed(3);
    paint(example.information[index], scale);
    at("map").setAttribute("aria-label", `Information heat map at layer ${number}, largest value ${largest}`);
    at("bars").replaceChildren(...sizes.map((size, place) => {
      const bar = document.createElement("span");
      bar.style.height = `${(100 * size) / scale}%`;
      bar.className = place === index ? "now" : "";
      return bar;
    }));
    const body = at("pruned").tBodies[0];
    body.replaceChildren();
    for (const [name, layers] of Object.entries(example.pruned)) {
      if (!layers[number]) continue;
      const row = body.insertRow();
      row.insertCell().textContent = name;
      answer(row.insertCell(), layers[number]);
    }
    if (!body.rows.length) body.insertRow().insertCell().textContent = "none was asked at this layer";
  }

  // One canvas pixel a token; every window covers its w × w tokens.
  function paint(values, scale) {
    const [rows, columns] = example.grid, canvas = at("map"), across = Math.ceil(columns / example.window);
    canvas.width = columns;
    canvas.height = rows;
    const pen = canvas.getContext("2d");
    values.forEach((value, place) => {
      const strength = (0.9 * Math.abs(value)) / scale;
      pen.fillStyle = value < 0 ? `rgba(33, 102, 172, ${strength})` : `rgba(178, 24, 43, ${strength})`;
      const x = (place % across) * example.window, y = Math.floor(place / across) * example.window;
      pen.fillRect(x, y, example.window, example.window);
    });
  }

  const state = () => [model.value, benchmark.value, question.value, String(example.layers[Number(layer.value)])];
  const remember = () => history.replaceState(null, "", "#" + state().map(encodeURIComponent).join("/"));
  function fromAddress() {
    let wanted;
    try {
      wanted = location.hash.slice(1).split("/").map(decodeURIComponent);
    } catch {
      wanted = [];
    }
    choose(wanted.length === 4 ? wanted : example ? state() : []);
    if (wanted.length === 4) at("explorer").scrollIntoView();
  }

  for (const select of [model, benchmark, question]) {
    select.addEventListener("change", () => { choose(state()); remember(); });
  }
  layer.addEventListener("input", () => { draw(); remember(); });
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", fromAddress);
  at("controls").hidden = at("view").hidden = false;
  fromAddress();
})();
