// What is left when the power goes. Everything synced is; of the rest, each file and the directories draw one of four lots:
// nothing, everything, a prefix (its last write torn), or an independent choice per change (late ones may last while earlier ones don't).
import { Image, type Change, type DirChange, type DirNode, type FileNode } from './inode.ts';
import type { Prng } from './prng.ts';

const SECTOR_BYTES = 512;
/** A file whose longer size lasted, but not the bytes. */
const GROWN_CHANCE = 0.3;

/** Sets a file to what lasted of it. */
export function loseFile(file: FileNode, random: Prng): void {
  if (file.changes.length === 0 && !file.forgotten) return;
  const left = new Image();
  left.become(file.lasting);
  const wanted = file.seen.size;
  const lot = random.below(4);
  if (lot === 1) for (const change of file.changes) left.apply(change);
  else if (lot === 2) {
    const kept = random.below(file.changes.length + 1);
    for (const change of file.changes.slice(0, kept)) left.apply(change);
    const torn = file.changes[kept];
    if (torn !== undefined) tear(left, torn, random);
  } else if (lot === 3) {
    for (const change of file.changes) {
      const fate = random.below(10);
      if (fate < 5) left.apply(change);
      else if (fate < 7) tear(left, change, random);
    }
  }
  if (left.size < wanted && random.chance(GROWN_CHANCE))
    left.resize(left.size + 1 + random.below(wanted - left.size));
  file.lasting.become(left);
  file.seen.become(left);
  file.changes = [];
  file.forgotten = false;
}

/** A write that was under way: cut at any byte, or one 512-byte sector of it missing or full of garbage. Bytes around it stay. */
function tear(into: Image, change: Change, random: Prng): void {
  const { at, bytes } = change;
  if (bytes === null || bytes.length === 0) {
    if (random.chance(0.5)) into.apply(change);
    return;
  }
  const how = random.below(3);
  if (how === 0) return into.write(bytes.subarray(0, random.below(bytes.length)), at);
  const first = Math.floor(at / SECTOR_BYTES);
  const sectors = Math.floor((at + bytes.length - 1) / SECTOR_BYTES) - first + 1;
  const sector = first + random.below(sectors);
  const from = Math.max(0, sector * SECTOR_BYTES - at);
  const to = Math.min(bytes.length, (sector + 1) * SECTOR_BYTES - at);
  const size = Math.max(into.size, at + bytes.length);
  into.write(bytes.subarray(0, from), at);
  if (how === 1) into.resize(size);
  else into.write(random.bytes(to - from), at + from);
  into.write(bytes.subarray(to), at + to);
}

/** Which of the unsynced directory changes lasted. */
export function keptDirChanges(changes: readonly DirChange[], random: Prng): DirChange[] {
  const lot = random.below(4);
  if (lot === 0) return [];
  if (lot === 1) return [...changes];
  if (lot === 2) return changes.slice(0, random.below(changes.length + 1));
  return withEarlier(changes, () => random.chance(0.5));
}

/** The wanted changes, and the earlier ones of the same entries: one entry's history has no gaps, unrelated entries know no order. */
export function withEarlier(
  changes: readonly DirChange[],
  wanted: (change: DirChange) => boolean,
): DirChange[] {
  const needed = new Map<DirNode, Set<string>>();
  const kept: DirChange[] = [];
  for (const change of changes.toReversed()) {
    const before = change.sets.some(({ dir, name }) => needed.get(dir)?.has(name) === true);
    if (!wanted(change) && !before) continue;
    kept.push(change);
    for (const { dir, name } of change.sets) {
      const names = needed.get(dir) ?? new Set();
      needed.set(dir, names.add(name));
    }
  }
  return kept.reverse();
}
