// Pictures to look at: a photo or the camera, cut around the middle to the shape a network is shown.

/** What is looked at. `ready`: whether there is something to see yet. */
export interface Shot {
  moving: boolean; name: string; pixels: CanvasImageSource; size(): [width: number, height: number]; close(): void;
}

const ASK = { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
const REFUSED: Record<string, string> = {
  NotAllowedError: "The camera was refused. Allow it in the browser's address bar, or open a photo instead.",
  NotFoundError: "No camera was found. Plug one in, or open a photo instead.",
  NotReadableError: "The camera is used by another program. Close that, or open a photo instead.",
};

/** The camera, running. Throws an Error whose message says what to do. */
export async function camera(): Promise<Shot> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new Error("Browsers give a camera to localhost and https alone. Open a photo instead.");
  let stream: MediaStream;
  try {
    stream = await devices.getUserMedia(ASK);
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new Error(REFUSED[name] ?? `The camera cannot be opened (${name || String(error)}). Open a photo instead.`);
  }
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  return { moving: true, name: "the camera", pixels: video, size: () => [video.videoWidth, video.videoHeight], close };
}

const MOST = 40; // megabytes of a photo that is read at all

/** A photo. Throws an Error whose message says what to do. */
export async function photo(file: Blob, name: string): Promise<Shot> {
  const large = file.size / 1e6;
  if (large > MOST) throw new Error(`${name} has ${Math.round(large)} MB; at most ${MOST} MB are read.`);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} is no picture that the browser can read; use a PNG, JPEG or WebP.`);
  }
  const size: Shot["size"] = () => [bitmap.width, bitmap.height];
  return { moving: false, name, pixels: bitmap, size, close: () => bitmap.close() };
}

/** The first picture among what was dropped or pasted. */
export function pictureIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? data?.files[0] ?? null;
}

const canvas = () => document.createElement("canvas");

/** Cut around the middle to the shape of `height` x `width`, at most twice that large: more no network sees. */
export async function taken(
  shot: Shot, width: number, height: number, onto: HTMLCanvasElement = canvas(),
): Promise<Blob | null> {
  const [w, h] = shot.size();
  if (w === 0 || h === 0) return null;
  const scale = Math.min(w / width, h / height);
  const [cutW, cutH] = [width * scale, height * scale];
  const grow = Math.min(2, Math.max(1, scale));
  onto.width = Math.round(width * grow);
  onto.height = Math.round(height * grow);
  const context = onto.getContext("2d", { alpha: false });
  if (!context) return null;
  context.imageSmoothingQuality = "high";
  context.drawImage(shot.pixels, (w - cutW) / 2, (h - cutH) / 2, cutW, cutH, 0, 0, onto.width, onto.height);
  return new Promise((resolve) => onto.toBlob(resolve, shot.moving ? "image/jpeg" : "image/png", 0.92));
}
