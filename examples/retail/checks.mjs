/* Whether everything adds up: what the topics hold against what the generator and the tills know. Each throws what is wrong. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { setTimeout as pause } from 'node:timers/promises';
import { articleText } from './catalogue.mjs';

/** Longer than this the stock keepers never need, unless they lost something. */
const patienceMs = 120_000;

/** Every article, to the last byte. */
export async function checkArticles(rest, catalogue, versions) {
  let next = 0;
  const lane = async () => {
    for (let n = next++; n < catalogue.articleCount; n = next++) {
      const text = await rest.get('articles', catalogue.idOf(n));
      if (text === articleText(catalogue, n, versions[n])) continue;
      throw new Error(`article ${catalogue.idOf(n)} is not in version ${versions[n]}: ${text?.slice(0, 60)}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** No till saw a price that the article never had. */
export function checkPricesSeen(catalogue, versions, pricesSeen) {
  for (const seen of pricesSeen) {
    const [n, sku, shop, sales] = seen.split(' ').map(Number);
    const all = Array.from({ length: versions[n] + 1 }, (_, v) => catalogue.pricesOf(n, sku, shop, v).sales);
    ok(all.includes(sales), `article ${n}, SKU ${sku}, shop ${shop}: nobody ever asked ${sales}`);
  }
}

/** Waits for the stock keepers to be done with all receipts. */
export async function checkStock(rest, catalogue, sold) {
  const expected = new Map(
    sold.map(([place, count]) => {
      const [n, sku, shop] = place.split(' ').map(Number);
      return [`${catalogue.skuIdOf(n, sku)}@${shop}`, catalogue.stockOf(n, sku, shop) - count];
    }),
  );
  const keys = [...expected.keys()];
  const wrong = async () => {
    const values = await rest.getMany('stock', keys);
    return keys.filter((key, i) => values[i]?.stock !== expected.get(key));
  };
  let differing = await wrong();
  for (const endMs = Date.now() + patienceMs; differing.length > 0 && Date.now() < endMs; ) {
    await pause(100);
    differing = await wrong();
  }
  deepStrictEqual(differing, [], 'the stock of these is not what is left');
  strictEqual(await rest.count('stock'), keys.length);
}

export async function checkPoints(rest, points) {
  const values = await rest.getMany(
    'points',
    points.map(([customer]) => String(customer)),
  );
  for (const [i, [customer, total]] of points.entries())
    strictEqual(values[i]?.points, total, `points of customer ${customer}`);
  strictEqual(await rest.count('points'), points.length);
}

/** The receipts that a reader of committed records sees, each once. */
export function checkReceipts(read, receipts) {
  strictEqual(read.length, receipts.length, 'the count of receipts');
  deepStrictEqual(new Map(read.map(({ receipt, total }) => [receipt, total])), new Map(receipts));
}
