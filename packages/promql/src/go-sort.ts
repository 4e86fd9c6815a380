// Sorting as Go's standard library does it since 1.19. It is not stable: which of two equal elements comes first, and what becomes of elements whose
// comparisons contradict each other, follows from the exact exchanges of its algorithm, and Prometheus' answers show it. The algorithm is
// pattern-defeating quicksort (Orson R. L. Peters, 2021, arXiv:2106.05123) without its block partitioning.

/** Whether a has to stand before b. */
export type Before = (a: number, b: number) => boolean;

/** Up to so many elements are sorted by insertion. */
const INSERTED = 12;
/** From so many on the pivot is a median of medians, and a range that is nearly sorted is finished by moving a few. */
const LARGE = 50;
/** Exchanges after which three medians of three have found every pair the wrong way round. */
const ALL_WRONG = 12;
/** Elements that are moved before a range no longer counts as nearly sorted. */
const MOVES = 5;

/** Sorts the array where it is. */
export function goSort(x: number[], before: Before): void {
  sortRange(x, 0, x.length, bitLength(x.length), before);
}

/** Sorts x[from..to); after `badLeft` unbalanced partitions by heap. */
function sortRange(x: number[], from: number, to: number, badLeft: number, before: Before): void {
  let [a, b, bad] = [from, to, badLeft];
  let balanced = true;
  let partitioned = true;
  for (;;) {
    const length = b - a;
    if (length <= INSERTED) return insertion(x, a, b, before);
    if (bad === 0) return heapsort(x, a, b, before);
    if (!balanced) {
      scatter(x, a, b);
      bad--;
    }
    const chosen = choosePivot(x, a, b, before);
    let { pivot } = chosen;
    let rising = chosen.wrong === 0;
    if (chosen.wrong === ALL_WRONG) {
      reverse(x, a, b);
      pivot = b - 1 - (pivot - a);
      rising = true;
    }
    if (balanced && partitioned && rising && finish(x, a, b, before)) return;
    // Nothing here is smaller than what stands before the range: if the pivot is not larger, all its equals go to the front and are done.
    if (a > 0 && !before(x[a - 1]!, x[pivot]!)) {
      a = partitionEqual(x, a, b, pivot, before);
      continue;
    }
    const { middle, untouched } = partition(x, a, b, pivot, before);
    partitioned = untouched;
    const [left, right] = [middle - a, b - middle];
    balanced = Math.min(left, right) >= Math.floor(length / 8);
    // The shorter part first; this loop goes on with the longer one.
    if (left < right) {
      sortRange(x, a, middle, bad, before);
      a = middle + 1;
    } else {
      sortRange(x, middle + 1, b, bad, before);
      b = middle;
    }
  }
}

function exchange(x: number[], i: number, j: number): void {
  const held = x[i]!;
  x[i] = x[j]!;
  x[j] = held;
}

function insertion(x: number[], a: number, b: number, before: Before): void {
  for (let i = a + 1; i < b; i++)
    for (let j = i; j > a && before(x[j]!, x[j - 1]!); j--) exchange(x, j, j - 1);
}

function heapsort(x: number[], a: number, b: number, before: Before): void {
  const n = b - a;
  for (let root = Math.floor((n - 1) / 2); root >= 0; root--) siftDown(x, a, root, n, before);
  for (let last = n - 1; last >= 0; last--) {
    exchange(x, a, a + last);
    siftDown(x, a, 0, last, before);
  }
}

function siftDown(x: number[], a: number, from: number, n: number, before: Before): void {
  let root = from;
  for (let child = 2 * root + 1; child < n; child = 2 * root + 1) {
    if (child + 1 < n && before(x[a + child]!, x[a + child + 1]!)) child++;
    if (!before(x[a + root]!, x[a + child]!)) return;
    exchange(x, a + root, a + child);
    root = child;
  }
}

/** Exchanges three elements in the middle with others, told by the length alone, so that a pattern that made partitions unbalanced is gone. */
function scatter(x: number[], a: number, b: number): void {
  const length = b - a;
  const mask = BigInt(2 ** bitLength(length) - 1);
  let random = BigInt(length);
  const middle = a + 2 * Math.floor(length / 4);
  for (let i = middle - 1; i <= middle + 1; i++) {
    random ^= BigInt.asUintN(64, random << 13n);
    random ^= random >> 7n;
    random ^= BigInt.asUintN(64, random << 17n);
    const other = Number(random & mask);
    exchange(x, i, a + (other >= length ? other - length : other));
  }
}

/** The place of a pivot, and how many of the pairs that were compared stand the wrong way round. */
function choosePivot(
  x: number[],
  a: number,
  b: number,
  before: Before,
): { readonly pivot: number; readonly wrong: number } {
  let wrong = 0;
  /** Of three places, the one whose element is in the middle. */
  const median = (first: number, second: number, third: number): number => {
    let [i, j, k] = [first, second, third];
    if (before(x[j]!, x[i]!)) [i, j, wrong] = [j, i, wrong + 1];
    if (before(x[k]!, x[j]!)) [j, k, wrong] = [k, j, wrong + 1];
    if (before(x[j]!, x[i]!)) [i, j, wrong] = [j, i, wrong + 1];
    return j;
  };
  const quarter = Math.floor((b - a) / 4);
  const large = b - a >= LARGE;
  const near = (place: number): number => (large ? median(place - 1, place, place + 1) : place);
  const [i, j, k] = [near(a + quarter), near(a + 2 * quarter), near(a + 3 * quarter)];
  return { pivot: median(i, j, k), wrong };
}

function reverse(x: number[], a: number, b: number): void {
  for (let i = a, j = b - 1; i < j; i++, j--) exchange(x, i, j);
}

/** Sorts a range that is nearly sorted; false when it turns out not to be, with some elements moved. */
function finish(x: number[], a: number, b: number, before: Before): boolean {
  let i = a + 1;
  for (let moved = 0; moved < MOVES; moved++) {
    while (i < b && !before(x[i]!, x[i - 1]!)) i++;
    if (i === b) return true;
    if (b - a < LARGE) return false;
    exchange(x, i, i - 1);
    // The smaller one goes on to the left, the larger one to the right.
    if (i - a >= 2) for (let j = i - 1; j >= 1 && before(x[j]!, x[j - 1]!); j--) exchange(x, j, j - 1);
    if (b - i >= 2) for (let j = i + 1; j < b && before(x[j]!, x[j - 1]!); j++) exchange(x, j, j - 1);
  }
  return false;
}

/** Smaller elements to the left of the pivot, the others to its right; where it stands then, and whether all stood so already. */
function partition(
  x: number[],
  a: number,
  b: number,
  pivot: number,
  before: Before,
): { readonly middle: number; readonly untouched: boolean } {
  exchange(x, a, pivot);
  let [i, j] = [a + 1, b - 1];
  let exchanges = 0;
  for (;;) {
    while (i <= j && before(x[i]!, x[a]!)) i++;
    while (i <= j && !before(x[j]!, x[a]!)) j--;
    if (i > j) break;
    exchange(x, i++, j--);
    exchanges++;
  }
  exchange(x, j, a);
  return { middle: j, untouched: exchanges === 0 };
}

/** Elements that are equal to the pivot first, larger ones behind; none is smaller. Where the larger ones begin. */
function partitionEqual(x: number[], a: number, b: number, pivot: number, before: Before): number {
  exchange(x, a, pivot);
  let [i, j] = [a + 1, b - 1];
  for (;;) {
    while (i <= j && !before(x[a]!, x[i]!)) i++;
    while (i <= j && before(x[a]!, x[j]!)) j--;
    if (i > j) return i;
    exchange(x, i++, j--);
  }
}

/** Bits that a number takes. */
function bitLength(n: number): number {
  return 32 - Math.clz32(n);
}
