// Pictures: {src, png (base64), id of its latents on the server, bits, name of its file, className}.

import {jsonBody, request, requestWithFiles, server} from "./api.js";
import {make} from "./dom.js";

export function pictureOf(image, name, className) {
  return {id: image.id, png: image.png, src: `data:image/png;base64,${image.png}`, bits: image.bits_per_dim,
          name, className: image.class ?? className};
}

export function bytesOf(picture) {
  return new Blob([Uint8Array.from(atob(picture.png), (character) => character.charCodeAt(0))], {type: "image/png"});
}

export const fileOf = (picture) => new File([bytesOf(picture)], picture.name, {type: "image/png"});
export const bitsText = (picture) => `${picture.bits.toFixed(3)} bits/dim`;

// The browser names a file that is no image before it is sent; the server would name it less clearly.
export async function checkImages(files) {
  for (const file of files) {
    const image = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name}: not an image that this browser can read`);
    });
    image.close();
  }
}

export async function encode(files, className) {
  const query = className ? `?class=${encodeURIComponent(className)}` : "";
  const {images} = await requestWithFiles(`/api/encode${query}`, files);
  return images.map((image, i) => pictureOf(image, files[i].name, className));
}

// Images from the latents of `sources`. Latents that the server keeps no longer are computed again.
export async function fromLatents(path, sources, body) {
  const ask = async () => (await request(path, () => jsonBody({ids: sources.map(({id}) => id), ...body()}))).json();
  const answer = await ask().catch(async (error) => {
    if (error.status !== 404) throw error;
    for (const source of sources) source.id = (await encode([fileOf(source)], source.className))[0].id;
    return ask();
  });
  return answer.images;
}

// Shows a picture in whole multiples of its size, about `size` pixels large.
export function setPicture(image, picture, description, size) {
  const {width, height} = server.model;
  const scale = Math.max(1, Math.floor(size / Math.max(width, height)));
  image.width = scale * width;
  image.height = scale * height;
  image.src = picture.src;
  image.alt = description;
}

async function pixelsOf(picture) {
  const image = make("img", {src: picture.src});
  await image.decode();
  const {naturalWidth: width, naturalHeight: height} = image;
  const context = make("canvas", {width, height}).getContext("2d");
  context.drawImage(image, 0, 0);
  return new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
}

// The count of pixels, and of those that differ in the bits that the model has.
export async function differingPixels(picture, other) {
  const kept = (0x010101 * (256 - 2 ** (8 - server.model.bits))) >>> 0;
  const [ones, others] = await Promise.all([pixelsOf(picture), pixelsOf(other)]);
  const count = ones.filter((pixel, i) => ((pixel ^ others[i]) & kept) !== 0).length;
  return {count, total: ones.length};
}
