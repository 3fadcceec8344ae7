// Examples for Edit and Mix: the reference images of the server, one after the other, or else the samples.

import {request, server} from "./api.js";
import {encode} from "./pictures.js";
import {sampleAt} from "./sample.js";

let taken = 0;

async function referenceAt(place, className) {
  const index = place % server.reference.images;
  const response = await request(`/api/reference?index=${index}`, () => ({headers: {Accept: "image/png"}}));
  const file = new File([await response.blob()], `reference-${index}.png`, {type: "image/png"});
  return (await encode([file], className))[0];
}

export async function nextExample(className) {
  return server.reference ? referenceAt(taken++, className) : sampleAt(taken++);
}
