// Answers that are kept for a while: the next unit is asked for before anybody turns to it.

/** The last `most` promises by key; those that fail are forgotten at once. */
export class Memory<T> {
  private kept = new Map<string, Promise<T>>();
  constructor(private readonly most: number) {}

  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key);
    if (known) {
      this.kept.delete(key); // to the end: it was used last
      this.kept.set(key, known);
      return known;
    }
    const made = make();
    this.kept.set(key, made);
    made.catch(() => this.kept.get(key) === made && this.kept.delete(key));
    if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value!);
    return made;
  }

  /** Forget what begins with a text: all without one. */
  forget(beginning = ""): void {
    for (const key of [...this.kept.keys()]) if (key.startsWith(beginning)) this.kept.delete(key);
  }
}
