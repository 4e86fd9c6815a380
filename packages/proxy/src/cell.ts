/**
 * The current content of a named resource inside a worker. Whoever refers to the resource holds its cell, so a change of the content
 * recompiles nobody who refers to it.
 */
export interface Cell<T> {
  readonly name: string;
  /** null: named, but not there. */
  current: T | null;
}

export class Cells<T> {
  readonly #cells = new Map<string, Cell<T>>();

  of(name: string): Cell<T> {
    let cell = this.#cells.get(name);
    if (cell === undefined) this.#cells.set(name, (cell = { name, current: null }));
    return cell;
  }

  /** Empties the cell; who still holds it sees null. */
  remove(name: string): void {
    const cell = this.#cells.get(name);
    if (cell === undefined) return;
    cell.current = null;
    this.#cells.delete(name);
  }

  values(): IterableIterator<Cell<T>> {
    return this.#cells.values();
  }
}
