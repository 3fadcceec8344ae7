// A histogram of scores, as an SVG picture.

import {makeSvg} from "./dom.js";

// In units of the picture, which is scaled to the width of its place.
const width = 360;
const height = 150;
const margin = 12;
const top = 28; // of the bars; the label of the median is above them
const bottom = 112;

export function medianOf(sorted) {
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The count of values in each of `binCount` equal parts of the range from `first` to `last`.
function countsOf(values, first, last, binCount) {
  const counts = Array(binCount).fill(0);
  for (const value of values) {
    const bin = last > first ? Math.floor((binCount * (value - first)) / (last - first)) : 0;
    ++counts[Math.min(bin, binCount - 1)];
  }
  return counts;
}

function label(text, x, y, anchor) {
  return makeSvg("text", {x, y, "text-anchor": anchor}, text);
}

// `sorted` are the scores, at least one; `marks` are {value, name} of images, which may be outside of the scores.
export function makeHistogram({sorted, marks, axis, description}) {
  const [first, last] = [sorted[0], sorted.at(-1)];
  const shown = [first, last, ...marks.map(({value}) => value)];
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const span = most > least ? most - least : 1;
  const across = (value) => margin + ((width - 2 * margin) * (value - least)) / span;

  const counts = countsOf(sorted, first, last, Math.min(24, Math.ceil(Math.sqrt(sorted.length))));
  const largest = Math.max(...counts);
  const barWidth = Math.max(2, (across(last) - across(first)) / counts.length);
  const bars = counts.map((count, i) => {
    const barHeight = ((bottom - top) * count) / largest;
    return makeSvg("rect", {class: "bar", x: across(first) + i * barWidth, y: bottom - barHeight,
                            width: barWidth - 1, height: barHeight});
  });

  const median = medianOf(sorted);
  const middle = across(median);
  const lines = marks.map(({value, name}) => {
    const x = across(value);
    const shape = `M${x} ${top - 6}V${bottom}M${x - 4} ${bottom + 6}h8L${x} ${bottom}z`;
    return makeSvg("path", {class: "mark", d: shape}, makeSvg("title", {}, `${name}: ${value.toFixed(3)}`));
  });
  return makeSvg(
    "svg", {class: "histogram", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": description},
    ...bars,
    makeSvg("path", {class: "axis", d: `M${margin} ${bottom}H${width - margin}`}),
    makeSvg("path", {class: "median", d: `M${middle} ${top - 8}V${bottom}`}),
    label(`median ${median.toFixed(3)}`, middle, 14, middle < 80 ? "start" : middle > width - 80 ? "end" : "middle"),
    ...lines,
    label(least.toFixed(2), margin, bottom + 20, "start"),
    label(most.toFixed(2), width - margin, bottom + 20, "end"),
    label(axis, width / 2, bottom + 34, "middle"));
}
