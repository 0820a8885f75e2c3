package stripetest

import "math/big"

// charge returns what a quantity costs at a price, in the currency's smallest
// unit and exactly: graduated tiers charge each slice at its own price, volume
// ones all of it at the price of the tier that is reached. Flat amounts are
// those of the tiers that are entered; nothing at all enters the first tier.
func charge(price object, quantity int64) *big.Rat {
	q := new(big.Rat).SetInt64(max(quantity, 0))
	tiers, tiered := price["tiers"].([]object)
	if !tiered {
		if t, ok := price["transform_quantity"].(object); ok {
			n, by := max(quantity, 0), t["divide_by"].(int64)
			if t["round"] == "up" {
				n += by - 1
			}
			q.SetInt64(n / by)
		}
		return q.Mul(q, decimal(price["unit_amount_decimal"]))
	}
	sum, below := new(big.Rat), new(big.Rat)
	for _, t := range tiers {
		end := new(big.Rat).Set(q)
		upTo, bounded := t["up_to"].(int64)
		if bounded && new(big.Rat).SetInt64(upTo).Cmp(q) < 0 {
			end.SetInt64(upTo)
		}
		last := !bounded || upTo >= max(quantity, 0)
		slice := new(big.Rat).Sub(end, below)
		if price["tiers_mode"] == "volume" {
			if !last {
				continue
			}
			slice = q
		}
		sum.Add(sum, new(big.Rat).Mul(slice, decimal(t["unit_amount_decimal"])))
		sum.Add(sum, decimal(t["flat_amount_decimal"]))
		if last {
			break
		}
		below = end
	}
	return sum
}

func decimal(v any) *big.Rat {
	s, _ := v.(string)
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return new(big.Rat)
	}
	return r
}

// rounded returns whole units, half a unit up.
func rounded(r *big.Rat) int64 {
	twice := new(big.Int).Add(new(big.Int).Mul(r.Num(), big.NewInt(2)), r.Denom())
	return new(big.Int).Div(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2))).Int64()
}
