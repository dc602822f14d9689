"""Airlines with their hubs and some of the airports that they fly to: the network of the fare generator.

An excerpt of the world, true in kind: each pair of airports is flown by these airlines, in both directions.
"""

from typing import Final, NamedTuple


class Network(NamedTuple):
    """What an airline flies from one hub; a budget airline sells economy only and no connections."""

    carrier: str
    hub: str
    destinations: str
    price_level: float = 1.0
    budget: bool = False


NETWORKS: Final = (
    Network("AA", "JFK", "LHR LAX SFO MIA CDG MAD", 1.0),
    Network("AA", "DFW", "JFK LAX SFO MIA ORD LHR CDG NRT", 1.0),
    Network("AC", "YYZ", "LHR FRA CDG YVR JFK LAX SFO ORD", 0.97),
    Network("AF", "CDG", "JFK LAX SFO LHR AMS MAD FCO NCE BCN HND SIN GRU YYZ DXB", 1.05),
    Network("AY", "HEL", "LHR CDG ARN FRA NRT JFK BKK", 0.95),
    Network("AZ", "FCO", "JFK LHR CDG MXP FRA AMS", 0.95),
    Network("B6", "JFK", "LAX SFO MIA MCO BOS LHR", 0.8),
    Network("BA", "LHR", "JFK BOS LAX SFO MIA ORD CDG AMS FRA MAD BCN FCO DXB SIN HKG SYD DEL JNB NRT", 1.08),
    Network("CX", "HKG", "LHR SIN NRT SYD LAX SFO BKK TPE", 1.02),
    Network("DL", "ATL", "JFK LAX MCO MIA BOS CDG AMS LHR ORD", 1.0),
    Network("DL", "JFK", "LAX SFO LHR CDG AMS BOS SEA", 1.0),
    Network("EK", "DXB", "LHR CDG FRA SIN SYD BKK DEL JNB JFK HKG MXP", 1.0),
    Network("FR", "STN", "BCN DUB BGY BUD AGP BVA", 0.55, budget=True),
    Network("IB", "MAD", "JFK MIA GRU LHR CDG FRA BCN FCO", 0.95),
    Network("JL", "HND", "LHR SFO LAX SIN CTS FUK ITM", 1.08),
    Network("KL", "AMS", "JFK LAX SFO LHR BCN FCO ARN SIN GRU YYZ DEL", 1.0),
    Network("LH", "FRA", "JFK LAX SFO ORD LHR BCN MAD FCO NRT SIN HKG DEL GRU JNB", 1.05),
    Network("LH", "MUC", "LHR CDG AMS FCO MXP JFK BCN", 1.05),
    Network("LX", "ZRH", "LHR JFK FRA CDG BCN SIN", 1.12),
    Network("NH", "NRT", "SIN LAX SFO ORD HKG BKK FRA", 1.06),
    Network("QF", "SYD", "LAX SIN MEL BNE PER AKL", 1.05),
    Network("QR", "DOH", "LHR CDG FRA BKK SIN SYD JNB DEL JFK", 0.98),
    Network("SK", "ARN", "CPH OSL LHR CDG EWR AGP", 0.92),
    Network("SQ", "SIN", "LHR FRA SYD MEL NRT HKG BKK DEL LAX SFO", 1.08),
    Network("TK", "IST", "LHR CDG FRA AMS JFK BKK SIN DXB DEL JNB", 0.88),
    Network("U2", "LGW", "AMS BCN GVA NCE AGP FCO", 0.6, budget=True),
    Network("UA", "EWR", "LHR FRA SFO LAX ORD CDG DEL", 1.0),
    Network("UA", "SFO", "LAX ORD NRT SIN HKG SYD LHR FRA", 1.0),
    Network("VS", "LHR", "JFK BOS LAX SFO MIA JNB DEL", 1.0),
    Network("VY", "BCN", "LGW ORY FCO MXP AMS AGP", 0.6, budget=True),
    Network("W6", "BUD", "BCN LTN EIN FCO MXP ARN", 0.5, budget=True),
)
