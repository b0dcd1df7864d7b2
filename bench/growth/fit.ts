/** How fast a cost grows: the exponent p of cost ~ size^p. 1 is linear, 0 flat. */
import { median } from '../table.ts';
import type { Cost, Curve } from './measuring.ts';

export interface Point {
  readonly size: number;
  /** Of one process each. */
  readonly cpuSeconds: readonly number[];
  readonly wallSeconds: readonly number[];
}

export interface MeasuredCurve extends Curve {
  readonly name: string;
  readonly of: string;
  readonly points: readonly Point[];
}

/** Above it a curve, or the step from a size to the next, is said to be worse than linear; or than flat, where nothing grows. */
const toleratedOverall = 0.1;
const toleratedStep = 0.25;
/** Less is as much the moment's as the program's. */
const tellingSeconds = 0.005;

/** A thread's time is counted when it is interrupted or waits: of something very short there may be none, which has no logarithm. */
const finestSeconds = 1e-5;

export function pointOf(size: number, costs: readonly Cost[]): Point {
  return {
    size,
    cpuSeconds: costs.map(({ cpuSeconds }) => Math.max(finestSeconds, cpuSeconds)),
    wallSeconds: costs.map(({ wallSeconds }) => wallSeconds),
  };
}

/** A straight line through the logarithms, least squares. */
export function exponentOf(points: readonly Point[]): number {
  const xs = points.map(({ size }) => Math.log(size));
  const ys = points.map(({ cpuSeconds }) => Math.log(median(cpuSeconds)));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x0, y0] = [mean(xs), mean(ys)];
  const [covariance, variance] = [
    mean(xs.map((x, i) => (x - x0) * (ys[i]! - y0))),
    mean(xs.map((x) => (x - x0) ** 2)),
  ];
  return covariance / variance;
}

/** From each size to the next. */
export function stepsOf(points: readonly Point[]): number[] {
  return points.slice(1).map((point, i) => exponentOf([points[i]!, point]));
}

/** In words, or null where it is as it should be. */
export function complaintOf({ work, points }: MeasuredCurve): string | null {
  const aim = work === 'size' ? 1 : 0;
  const name = work === 'size' ? 'linear' : 'flat';
  if (exponentOf(points) > aim + toleratedOverall) return `worse than ${name}`;
  const isTelling = (i: number): boolean => median(points[i]!.cpuSeconds) >= tellingSeconds;
  const at = stepsOf(points).findIndex((step, i) => step > aim + toleratedStep && isTelling(i));
  return at < 0 ? null : `a step from ${points[at]!.size} to ${points[at + 1]!.size}`;
}
