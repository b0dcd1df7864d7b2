/* The master data, made from a seed: articles with SKUs by size and colour, and for each SKU the shops that have it, with prices
 * and stock there. Everything follows from (seed, article, SKU, shop, version), so nothing has to be kept to know what is true.
 *
 *   { "id": "4700042", "version": 3, "name": …, "brand": …,
 *     "skus": [ { "sku": "4700042-0", "size": "M", "colour": "blue",
 *                 "prices": { "14": { "purchase": 3195, "list": 7990, "sales": 6390 }, … },       in cents, by shop
 *                 "stock":  { "14": 12, … } }, … ] }
 *
 * The till asks for /skus/0/prices/14. A new version changes the sales prices; stock in it is what the shops were delivered with. */

const models = ['Trail Shoe', 'Road Shoe', 'Rain Jacket', 'Tights', 'Helmet', 'Goggles', 'Gloves', 'Beanie'];
const brands = ['Nordlauf', 'Fjellstad', 'Côte Verte', 'Alpenrad'];
const colours = ['black', 'blue', 'orange', 'green', 'white'];
const sizes = ['XS', 'S', 'M', 'L', 'XL', 'XXL'];
/** An action takes so much off the list price, in percent. */
const actions = [0, 10, 20, 30, 40, 50];

export function createCatalogue({ seed, articleCount, shopCount }) {
  /** A number below `below` that belongs to this place in the catalogue. */
  const chance = (below, ...place) => {
    let hash = seed;
    for (const part of place) {
      hash = Math.imul(hash ^ part, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0x85ebca77);
    return ((hash ^ (hash >>> 13)) >>> 0) % below;
  };

  const sizeCount = (n) => 3 + chance(4, n, 1);
  const skuCount = (n) => sizeCount(n) * (1 + chance(3, n, 2));
  /** From 15 to 60 of 100 shops have an article, and of its SKUs four in five. */
  const isSold = (n, sku, shop) =>
    chance(100, n, 3, shop) < 15 + chance(46, n, 4) && chance(5, n, 5, sku, shop) > 0;
  const stockOf = (n, sku, shop) => 3 + chance(30, n, 6, sku, shop);

  const pricesOf = (n, sku, shop, version) => {
    const list = 990 + 500 * chance(40, n, 7) + 100 * (sku % 3);
    const action = version === 0 ? 0 : actions[chance(actions.length, n, 8, shop % 5, version)];
    return {
      purchase: Math.round(list * 0.4) + chance(50, n, 9, shop),
      list,
      sales: Math.round((list * (100 - action)) / 100),
    };
  };

  const idOf = (n) => String(4_700_000 + n);
  const skuIdOf = (n, sku) => `${idOf(n)}-${sku}`;

  function articleOf(n, version) {
    const skus = Array.from({ length: skuCount(n) }, (_, sku) => {
      const prices = {};
      const stock = {};
      for (let shop = 1; shop <= shopCount; shop++) {
        if (!isSold(n, sku, shop)) continue;
        prices[shop] = pricesOf(n, sku, shop, version);
        stock[shop] = stockOf(n, sku, shop);
      }
      const [size, colour] = [sizes[sku % sizeCount(n)], colours[(n + Math.floor(sku / sizeCount(n))) % 5]];
      return { sku: skuIdOf(n, sku), size, colour, prices, stock };
    });
    const name = `${models[chance(models.length, n, 10)]} ${1 + chance(900, n, 11)}`;
    return { id: idOf(n), version, name, brand: brands[chance(brands.length, n, 12)], skus };
  }

  return {
    seed,
    articleCount,
    shopCount,
    chance,
    skuCount,
    isSold,
    stockOf,
    pricesOf,
    idOf,
    skuIdOf,
    articleOf,
  };
}

/** The article as the topic has it. */
export function articleText(catalogue, n, version) {
  return JSON.stringify(catalogue.articleOf(n, version));
}
