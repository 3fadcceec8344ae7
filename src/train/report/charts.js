
"use strict";
// Line charts as inline SVG, redrawn when the width changes. Text is inserted as text only, never as markup.

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Formats a number for readers: 0.0123, 1,234, 5.36·10⁻⁷.
function formatNumber(value, digits = 3) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-3 && size < 1e6)) {
    const whole = size >= 10 ** digits;
    return value.toLocaleString("en", whole ? {maximumFractionDigits: 0} : {maximumSignificantDigits: digits});
  }
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const raised = String(Number(exponent)).replace(/[-0-9]/g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return Number(mantissa) === 1 ? `10${raised}` : `${Number(mantissa)}·10${raised}`;
}

function formatStep(step) {
  return step.toLocaleString("en");
}

// The index of the number in `sorted` that is nearest to `value`.
function nearest(sorted, value) {
  let low = 0, high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}

// A scale maps values to 0...1 and has ticks. The ticks of this one are about `count` multiples of 1, 2 or 5 times a
// power of ten.
function linearScale(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const distance = power * ([1, 2, 5].find((multiple) => multiple * power >= raw * 0.999) || 10);
  const ticks = [];
  for (let i = Math.ceil(low / distance - 1e-9); i * distance <= high * (1 + 1e-9); ++i) ticks.push(i * distance || 0);
  const digits = Math.max(0, -Math.floor(Math.log10(distance * 1.001)));
  const plain = {minimumFractionDigits: digits, maximumFractionDigits: digits};
  const format = (tick) => (tick === 0 ? "0" : digits > 5 ? formatNumber(tick) : tick.toLocaleString("en", plain));
  return {low, high, ticks, format, place: (value) => (value - low) / (high - low)};
}

// The limits and ticks of this scale are from 1, 2, 5, 10, ...
function logScale(low, high) {
  const rungs = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power) {
    for (const multiple of [1, 2, 5]) rungs.push(Number(`${multiple}e${power}`));
  }
  const first = rungs.findLastIndex((rung) => rung <= low * 1.0001);
  let last = rungs.findIndex((rung) => rung >= high * 0.9999);
  if (last === first) ++last;
  const inside = rungs.slice(first, last + 1);
  const powers = inside.filter((rung) => Number.isInteger(Math.log10(rung)));
  const every = Math.ceil(powers.length / 6);
  const [bottom, top] = [Math.log10(inside[0]), Math.log10(inside[inside.length - 1])];
  return {
    low: inside[0],
    high: inside[inside.length - 1],
    ticks: powers.length > 2 ? powers.filter((_, i) => i % every === 0) : inside,
    format: formatNumber,
    place: (value) => (Math.log10(value) - bottom) / (top - bottom),
  };
}

function quantile(values, part) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.round(part * (sorted.length - 1))];
}

// The visible range. The first steps of a long run, and sometimes a single batch, have values far above the interesting
// ones: their curve leaves the chart at its top.
function rangeOf(spec) {
  const values = spec.series.flatMap((series) => series.curve.values).filter((value) => !spec.log || value > 0);
  if (spec.limit) values.push(spec.limit.value);
  const low = quantile(values, 0), high = quantile(values, 1);
  if (spec.log && high > 10 * low) return logScale(low, high);
  const most = high - (quantile(values, 0.9) - low) * 3 > low ? low + (quantile(values, 0.9) - low) * 4 : high;
  const top = Math.min(high, most > low ? most : high);
  const margin = (top - low) * 0.06 || Math.abs(top) * 0.05 || 1;
  return linearScale(spec.fromZero ? 0 : low - margin, top + margin, 5);
}

// spec: {id, title, series, wide, log, fromZero, limit: {name, value}, marks: [step], markName}; a series: {name,
// colour, curve: {steps, values}, faint, errors: {steps, values}, format}.
class Chart {
  constructor(spec) {
    this.spec = spec;
    this.scale = rangeOf(spec);
    this.steps = [...new Set(spec.series.flatMap((series) => series.curve.steps))].sort((a, b) => a - b);
    this.place = null;
    this.at = make("span", {class: "at"});
    this.numbers = spec.series.map(() => make("span"));
    this.svg = makeSvg("svg", {tabindex: 0, role: "img", "aria-label": `${spec.title}, a chart`});
    this.plot = make("div", {class: "plot"}, this.svg);
    this.figure = make("figure", {id: spec.id, class: spec.wide ? "chart wide" : "chart"},
      make("figcaption", {"aria-live": "polite"}, make("h3", {}, spec.title, this.at), this.legend()), this.plot);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  legend() {
    const {series, limit, marks, markName} = this.spec;
    const entries = series.map((one, i) => [one, i]).filter(([one]) => !one.faint)
      .map(([one, i]) => make("li", {class: one.colour}, `${one.name} `, this.numbers[i]));
    const alarm = (...content) => entries.push(make("li", {class: "alarm"}, ...content));
    if (limit) alarm(`${limit.name} `, make("span", {}, formatNumber(limit.value)));
    if (marks && marks.length) alarm(markName);
    return make("ul", {}, ...entries);
  }

  listen() {
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      const part = (event.clientX - box.left - this.left) / (this.width - this.left - this.right);
      this.show(nearest(this.steps, part * this.horizontal.high));
    });
    this.svg.addEventListener("pointerleave", () => this.show(null));
    this.svg.addEventListener("blur", () => this.show(null));
    this.svg.addEventListener("keydown", (event) => {
      const last = this.steps.length - 1, now = this.place ?? last, far = Math.ceil(last / 20);
      const goals = {
        ArrowLeft: now - 1, ArrowRight: now + 1, PageDown: now - far, PageUp: now + far, Home: 0, End: last,
      };
      if (!(event.key in goals)) return;
      event.preventDefault();
      this.show(Math.min(Math.max(goals[event.key], 0), last));
    });
  }

  x(step) {
    return this.left + this.horizontal.place(step) * (this.width - this.left - this.right);
  }

  // Values outside of the range are placed just beyond its edge, where the clip path hides them.
  y(value) {
    const part = this.spec.log && value <= 0 ? -1 : this.scale.place(value);
    return this.bottom - Math.min(Math.max(part, -0.015), 1.015) * (this.bottom - this.top);
  }

  draw() {
    const {width, height} = this.plot.getBoundingClientRect();
    if (width === 0) return;
    Object.assign(this, {width, left: 52, right: 10, top: 8, bottom: height - 24});
    this.horizontal = linearScale(0, Math.max(this.steps[this.steps.length - 1], 1), Math.max(2, width / 80));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const clip = `${this.spec.id}-inside`;
    const inside = makeSvg("g", {"clip-path": `url(#${clip})`}, ...this.lines(),
      ...this.spec.series.flatMap((series) => this.drawn(series)));
    const area = {x: this.left - 4, y: this.top - 1, width: width - this.left - this.right + 8,
      height: this.bottom - this.top + 2};
    this.cursor = makeSvg("g");
    const clipPath = makeSvg("clipPath", {id: clip}, makeSvg("rect", area));
    this.svg.replaceChildren(clipPath, ...this.axes(), inside, this.cursor);
    this.show(this.place);
  }

  axes() {
    const parts = [];
    for (const tick of this.scale.ticks) {
      const y = this.y(tick);
      parts.push(makeSvg("line", {class: "grid-line", x1: this.left, x2: this.width - this.right, y1: y, y2: y}));
      parts.push(makeSvg("text", {x: this.left - 8, y: y + 4, "text-anchor": "end"}, this.scale.format(tick)));
    }
    for (const tick of this.horizontal.ticks) {
      const x = this.x(tick), isLast = x > this.width - 40;
      parts.push(makeSvg("text", {x: isLast ? this.width - this.right : x, y: this.bottom + 20,
        "text-anchor": isLast ? "end" : "middle"}, formatStep(tick)));
    }
    return parts;
  }

  lines() {
    const {limit, marks} = this.spec;
    const parts = (marks || []).map((step) =>
      makeSvg("line", {class: "mark", x1: this.x(step), x2: this.x(step), y1: this.top, y2: this.bottom}));
    if (limit) {
      const y = this.y(limit.value);
      parts.push(makeSvg("line", {class: "limit", x1: this.left, x2: this.width - this.right, y1: y, y2: y}));
    }
    return parts;
  }

  drawn({curve, colour, faint, errors}) {
    const points = (shift) => curve.steps.map((step, i) =>
      `${this.x(step).toFixed(1)},${this.y(curve.values[i] + shift(step)).toFixed(1)}`);
    const line = points(() => 0);
    const group = makeSvg("g", {class: colour});
    if (errors && errors.steps.length && line.length) {
      const error = (step) => errors.values[nearest(errors.steps, step)];
      group.append(makeSvg("path", {class: "band",
        d: `M${points(error).concat(points((step) => -error(step)).reverse()).join("L")}Z`}));
    }
    if (line.length) group.append(makeSvg("path", {class: faint ? "curve faint" : "curve", d: `M${line.join("L")}`}));
    const apart = (this.width - this.left - this.right) / line.length;
    if (!faint && apart > 12) {
      const dot = ([cx, cy]) => makeSvg("circle", {class: "dot", cx, cy, r: 2.5});
      group.append(...line.map((point) => dot(point.split(","))));
    }
    return [group];
  }

  // Shows the numbers at index `place` of this.steps, or the last ones when it is null.
  show(place) {
    this.place = place;
    const step = this.steps[place ?? this.steps.length - 1];
    this.at.textContent = `step ${formatStep(step)}`;
    this.cursor.replaceChildren();
    if (place !== null) {
      const x = this.x(step);
      this.cursor.append(makeSvg("line", {class: "cursor", x1: x, x2: x, y1: this.top, y2: this.bottom}));
    }
    this.spec.series.forEach((series, i) => this.showNumber(series, this.numbers[i], step, place !== null));
  }

  showNumber({curve, colour, faint, errors, format = formatNumber}, number, step, withDot) {
    if (!curve.steps.length) return;
    const i = nearest(curve.steps, step);
    const error = errors && errors.steps.length ? ` ± ${format(errors.values[nearest(errors.steps, step)])}` : "";
    number.textContent = format(curve.values[i]) + error;
    if (faint || !withDot) return;
    const [cx, cy] = [this.x(curve.steps[i]), this.y(curve.values[i])];
    this.cursor.append(makeSvg("circle", {class: `dot ${colour}`, cx, cy, r: 4}));
  }
}
