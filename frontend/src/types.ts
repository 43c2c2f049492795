// What the pages are made of. src/phosphene/web/*documents.py say the same in Python, with explanations.
// Addresses of pictures are relative to the page, or `data:`.

export type State = "ok" | "dead" | "diverged" | "failed" | "missing";
export type JobState = "waiting" | "running" | "paused" | "done" | "failed" | "stopped";

export interface Strip { url: string; count: number; width: number; height: number }
export interface Tile { sheet: string; x: number; y: number }
export type Sheets = Record<string, [number, number]>; // address -> width, height in pixels

export interface NetworkLine { id: string; model: string; named: string; live: boolean; layers: number; pictures: number }
export interface SiteDoc { version: string; live: boolean; store: string; networks: NetworkLine[] }

export interface LayerLine {
  name: string; kind: string | null; module: string | null; size: number[]; field: [number, number] | null;
  units: number; asked: number; made: number; failed: number; examples: number; scanned: boolean; usual: boolean;
  cover: Tile[];
}
export interface InputDoc {
  channels: number; height: number; width: number; fixed: boolean; mean: number[] | null; std: number[] | null;
}
export interface ScanLine { id: string; source: string; pictures: number }
export interface NetworkDoc {
  id: string; model: string; live: boolean; input: InputDoc | null; classes: number | null;
  layers: LayerLine[]; scans: ScanLine[]; tile: number; sheets: Sheets; // of the covers
}

export interface UnitLine {
  channel: number; unit: string; name: string | null; status: State; tile: Tile | null; error: string | null;
  clean: number | null; robust: number | null; rank: number | null; siblings: number | null;
  percentile: number | null; ratio: number | null; density: number | null; maximum: number | null;
  real: string | null; alike: number | null;
}
export interface LayerDoc {
  network: string; model: string; address: string; live: boolean; layer: string; kind: string | null; size: number[];
  field: [number, number] | null; tile: number; sheets: Sheets; similarity: "fires" | "looks" | null;
  previous: string | null; next: string | null; units: UnitLine[]; damaged: number; ways: number;
  chunks: number[] | null; // of an export: which files of units there are
}

export interface ScoreDoc { start: number | null; clean: number | null; robust: number | null; under: string }
export interface Natural {
  scan: string; pictures: number; statistic: string; value: number; percentile: number; extreme: number;
  ratio: number | null;
}
export interface Evidence {
  unit: string | null; rank: number | null; siblings: number | null; top: { unit: string; value: number }[];
  high_frequency: number; redirected: number; silent: number; natural: Natural | null;
}
export interface FramesDoc { strip: Strip; steps: number[]; scores: (number | null)[] }
export interface Picture {
  id: string; kind: string; row: number; status: State; target: string; url: string; width: number; height: number;
  steps: number; seed: number; score: ScoreDoc; evidence: Evidence; spec: Record<string, unknown>;
  versions: Record<string, string>; arithmetic: string; cli: string; python: string;
  group: { similarity?: number; row?: number } | null; frames: FramesDoc | null;
}
export interface Shot {
  value: number; name: string; label: string | null; level: string; position: number[] | null;
  sees: [number, number, number, number] | null;
}
export interface ExamplesDoc {
  source: string; pictures: number; top: Shot[]; bottom: Shot[]; spectrum: Shot[];
  strips: Partial<Record<"top" | "bottom" | "spectrum", Strip>>; heat: Strip | null;
}
export interface FacetDoc {
  index: number; share: number | null; status: State; real: Strip | null; shots: Shot[]; said: Record<string, unknown>;
}
export interface FacetsDoc { pictures: Strip | null; started: Strip | null; facets: FacetDoc[]; why: string | null }
export interface FactsDoc {
  scan: string; source: string; pictures: number; state: string; rectified: boolean; density: number; maximum: number;
  average: number; shares: number[]; ends: number[]; quantiles: Record<string, number>;
}
export interface Neighbour {
  channel: number; unit: string; name: string | null; by: "fires" | "shares" | "weights" | "looks"; value: number;
  tile: Tile | null;
}
export interface FailureDoc { kind: string; row: number; error: string }
export interface UnitDoc {
  network: string; model: string; address: string; live: boolean; layer: string; channel: number; unit: string; name: string | null;
  units: number; pictures: Picture[]; facets: FacetsDoc | null; examples: ExamplesDoc | null; facts: FactsDoc | null;
  neighbours: Neighbour[]; failures: FailureDoc[]; tile: number; sheets: Sheets; python: string; cli: string;
}

export interface Start { job: string; step: number }
export interface Ask {
  network: string; kind: "picture" | "interpolate" | "units"; target: string; to: string | null; count: number;
  preset: string; image: string | null; size: number | null; steps: number | null; seed: number; start: Start | null;
  layer: string | null; units: string | null; recipe: string;
}
export interface JobDoc {
  id: string; version: number; created: string; title: string; model: string; ask: Ask; state: JobState;
  step: number; steps: number; count: number; width: number; height: number; position: number | null;
  eta: number | null; catching: boolean; score: number | null; curve: [number, number | null][]; frames: number[];
  error: string | null; pictures: Picture[];
}
export interface Completion { text: string; about: string }
export interface TargetDoc { text: string; target: string | null; error: string | null }
export interface Choice { name: string; about: string; group: string | null }
export interface ChoicesDoc {
  presets: Choice[]; images: Choice[]; recipes: Choice[]; methods: Choice[]; most_size: number; most_steps: number;
}
export interface Prediction { channel: number; name: string | null; value: number }
export interface Firing { channel: number; unit: string; name: string | null; value: number; share: number | null }
export interface Fired { layer: string; units: Firing[] }
export interface MapsDoc {
  layer: string; url: string; columns: number; width: number; height: number; scale: number; values: number[];
}
export interface ExplainedDoc { unit: string; method: string; url: string; most: number; note: string | null }
export interface LookDoc {
  network: string; input: string; width: number; height: number; predictions: Prediction[]; fired: Fired[];
  maps: MapsDoc | null; explained: ExplainedDoc | null; took: number;
}
export interface Problem { error: string }
