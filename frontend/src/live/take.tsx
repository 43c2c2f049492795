// Opening a photo or the camera: by button, drop, paste and key.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { announce } from "../ui";
import { camera, photo, pictureIn, type Shot } from "./shots";

export interface Opened {
  shot: Shot | null; still: boolean; busy: boolean; said: string;
  toggle(): void; hold(): void; browse(): void; dropped(event: DragEvent): void;
  file(file: Blob | null, name: string): void;
}

/** What is looked at, and how it is changed. The camera ends with the page. */
export function useShot(): Opened {
  const [shot, setShot] = useState<Shot | null>(null);
  const [still, setStill] = useState(false);
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const current = useRef<Shot | null>(null);
  const turn = useRef(0); // of two that are being opened the later one counts

  const replace = (next: Shot | null) => {
    current.current?.close();
    current.current = next;
    setShot(next);
    setStill(false);
  };
  const take = async (opening: () => Promise<Shot>) => {
    const mine = ++turn.current;
    setBusy(true);
    setSaid("");
    try {
      const next = await opening();
      if (mine === turn.current) replace(next);
      else next.close();
    } catch (error) {
      if (mine === turn.current) setSaid(error instanceof Error ? error.message : String(error));
    } finally {
      if (mine === turn.current) setBusy(false);
    }
  };
  const file = (blob: Blob | null, name: string) => { if (blob) void take(() => photo(blob, name)) };

  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const found = pictureIn(event.clipboardData);
      if (found) { event.preventDefault(); file(found, "the pasted picture") }
    };
    document.addEventListener("paste", pasted);
    return () => {
      document.removeEventListener("paste", pasted);
      turn.current++;
      current.current?.close();
    };
  }, []);
  return {
    shot, still, busy, said, file,
    toggle: () => {
      if (current.current?.moving) { turn.current++; replace(null); announce("camera off") } else void take(camera);
    },
    hold: () => {
      if (!current.current?.moving) return;
      setStill(!still);
      announce(still ? "the camera goes on" : "the picture is held");
    },
    browse: () => document.querySelector<HTMLInputElement>(".live-open input")?.click(),
    dropped: (event) => {
      event.preventDefault();
      const found = pictureIn(event.dataTransfer);
      if (found) file(found, found.name);
      else setSaid("What was dropped is no file; drop a PNG, JPEG or WebP.");
    },
  };
}

const here = () => ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);

export function PictureBar({ opened, rate }: { opened: Opened; rate: number | null }) {
  const { shot, still, busy, said } = opened;
  const id = useId();
  return (
    <div class="live-take">
      <div class="live-buttons">
        <span class="live-open">
          <input id={id} type="file" class="unseen" accept="image/png,image/jpeg,image/webp"
            onChange={(event) => {
              const [one] = event.currentTarget.files ?? [];
              opened.file(one ?? null, one?.name ?? "");
              event.currentTarget.value = ""; // the same file may be opened again
            }} />
          <label for={id} class="button">Open photo</label>
        </span>
        <button type="button" aria-pressed={shot?.moving === true} disabled={busy} onClick={opened.toggle}>
          {shot?.moving ? "Camera off" : "Camera"}</button>
        {shot?.moving && (
          <button type="button" aria-pressed={still} onClick={opened.hold}>{still ? "Go on" : "Hold"}</button>
        )}
      </div>
      <div class="live-said">
        {shot?.moving && (
          <span class="live-rate">{still ? "held" : rate === null ? "…" : `${rate.toFixed(1)} frames/s`}</span>
        )}
      </div>
      <p class="live-wrong" role="alert">{said}</p>
      <p class="dim live-note">
        {here() ? "Pictures stay on this machine: only your phosphene server sees them."
          : `Pictures go to the phosphene server at ${location.host} and nowhere else.`} Nothing is stored.
        {shot ? "" : " You can also drop or paste a photo."}
      </p>
    </div>
  );
}
