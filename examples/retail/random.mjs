/* Chance that can be had again: numbers below what is asked for, the same for the same seed. */
export function randomNumbers(seed) {
  let state = 1 + (Math.abs(seed) % 2_147_483_646);
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
