"""The verdicts by pandas: merges and whole-column arithmetic, no loop over rows.

pandas is given for nothing what the other peers work out for themselves: what the law says in each situation, rates,
freights and densities come as small tables (`duckdb/1` to `3`), and making them is not measured. It prices, finds the
legs, joins the decisions, compares and writes.

Here: that work.
Add here: nothing that another peer need not do.
Keep out: rows in Python.
"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.peers.duckdb_sql import DATA, law_and_cargoes

OIL = ["hs_code", "grade", "origin_country", "origin_project", "destination_country", "transport_mode"]
PROVIDERS = ["insurer_country", "owner_country", "manager_country", "flag", "financier_country", "broker_country",
             "customs_broker_country", "classification_country"]  # fmt: skip
TABLES = ("oils", "oil_kinds", "legs", "rates", "freights", "voyages", "calendar", "contracts", "decisions")
RESULT = ["shipment_id", "regime", "nexus_basis", "verdict", "product_class", "level_date", "cap_id",
          "cap_usd_per_bbl", "price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_basis",
          "margin_usd_per_bbl", "quantity_bbl", "excess_value_usd", "is_above_cap", "transition_id",
          "exemption_id"]  # fmt: skip
# Days are compared and merged as pandas holds them.
DAY = "datetime64[us]"


def write_tables(folder: Path, shipments: Path) -> None:
    """The small tables that pandas is given, as Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        law_and_cargoes(connection, shipments, folder / "unused")
        for table in TABLES:
            connection.execute(f"COPY {table} TO '{folder / table}.parquet' (FORMAT parquet)")


def judge(folder: Path, shipments: Path, verdicts: Path) -> None:
    """Shipments (Parquet) to verdicts (Parquet), with the tables of `write_tables`."""
    given = {table: _read(folder / f"{table}.parquet") for table in TABLES}
    compared = _compared(_judged(_priced(_read(shipments), given), given))
    compared[RESULT].to_parquet(verdicts, compression="zstd", index=False)


def _read(file: Path) -> pd.DataFrame:
    frame = pd.read_parquet(file)
    days = [name for name, values in frame.items() if str(name).endswith(("_date", "day")) and values.dtype == object]
    return frame.astype(dict.fromkeys(days, DAY))


def _priced(shipments: pd.DataFrame, given: dict[str, pd.DataFrame]) -> pd.DataFrame:
    factors = ["oil", "low_bbl_per_t", "bbl_per_t", "high_bbl_per_t"]
    units = pd.read_csv(DATA / "reference" / "units.csv").rename(columns={"unit": "quantity_unit"})
    terms = pd.read_csv(DATA / "reference" / "incoterms.csv")[["incoterm", "contains_freight", "contains_insurance"]]
    points = pd.read_csv(DATA / "figures" / "freight_points.csv")
    insurance = points.loc[points["component"] == "insurance", "high_usd_per_bbl"].max()
    s = shipments.merge(given["oils"][[*OIL, *factors]], on=OIL)
    s = s.merge(units[["quantity_unit", "bbl_per_unit", "t_per_unit"]], on="quantity_unit")
    s = s.merge(terms, on="incoterm")
    s = s.merge(given["rates"].rename(columns={"day": "loading_date"}), on=["currency", "loading_date"], how="left")
    s = s.merge(
        given["freights"].rename(columns={"day": "loading_date"}),
        on=["destination_country", "loading_date"],
        how="left",
    )
    low = s["bbl_per_unit"].fillna(s["t_per_unit"] * s["low_bbl_per_t"])
    middle = s["bbl_per_unit"].fillna(s["t_per_unit"] * s["bbl_per_t"])
    high = s["bbl_per_unit"].fillna(s["t_per_unit"] * s["high_bbl_per_t"])
    costs = s[["freight_cost", "insurance_cost", "other_cost"]]
    needs_freight = s["contains_freight"] & s["freight_cost"].isna()
    needs_insurance = s["contains_insurance"] & s["insurance_cost"].isna()
    lacks_costs = needs_freight | needs_insurance
    estimated = s["top_freight"].where(needs_freight, 0.0) + np.where(needs_insurance, insurance, 0.0)
    itemised = s["freight_cost"].fillna(0.0) + s["insurance_cost"].fillna(0.0) + s["other_cost"].fillna(0.0)
    net = (s["value"] - itemised) * s["rate"]
    s["quantity_bbl"] = s["quantity"] * middle
    s["price_low_usd_per_bbl"] = (net / (s["quantity"] * high) - estimated).clip(lower=0.0)
    s["price_high_usd_per_bbl"] = net / (s["quantity"] * low)
    s["tolerance"] = (1e-12 * s["value"] * s["rate"] / (s["quantity"] * low)).fillna(0.0)
    between = (s["price_low_usd_per_bbl"] + s["price_high_usd_per_bbl"]) / 2
    s["price_usd_per_bbl"] = between.where(lacks_costs, net / s["quantity_bbl"])
    basis = np.select(
        [s["price_high_usd_per_bbl"].isna(), lacks_costs, costs.notna().any(axis=1)],
        ["", "cif_less_estimated_freight", "invoice_less_itemised_costs"],
        "invoice_fob",
    )
    s["price_basis"] = pd.Series(basis, index=s.index, dtype="str").replace("", None)
    prices = ["price_usd_per_bbl", "price_low_usd_per_bbl", "price_high_usd_per_bbl", "price_basis", "tolerance"]
    days = ["contract_date", "loading_date", "discharge_date"]
    return s[["shipment_id", "oil", "nexus", "destination_country", *PROVIDERS, *days, "quantity_bbl", *prices]]


def _judged(s: pd.DataFrame, given: dict[str, pd.DataFrame]) -> pd.DataFrame:
    voyages = given["voyages"].rename(columns={"day": "loading_date", "era": "loading_era", "latest_era": "last_era"})
    discharges = given["calendar"].rename(columns={"day": "discharge_date", "era": "discharge_era"})
    contracts = given["contracts"].rename(columns={"day": "contract_date"})
    s = s.merge(voyages, on="loading_date")
    s = s.merge(discharges[["discharge_date", "discharge_era"]], on="discharge_date", how="left")
    s = s.merge(contracts, on="contract_date", how="left")
    s["is_discharge_known"] = s["discharge_date"].notna()
    s["latest_era"] = s["discharge_era"].fillna(s["last_era"]).astype("int64")
    s["contract_era"] = s["contract_era"].fillna(-1).astype("int64")
    s["level_date"] = s["discharge_date"].fillna(s["loading_date"])
    ties = ["nexus", "destination_country", *PROVIDERS]
    s = s.merge(given["legs"], on=ties).drop(columns=[*ties, "contract_date", "loading_date", "discharge_date"])
    s = s.merge(given["oil_kinds"][["oil", "regime", "kind"]], on=["oil", "regime"])
    decisions = given["decisions"].drop(columns="regime")
    decisions["contract_era"] = decisions["contract_era"].fillna(-1).astype("int64")
    return s.merge(decisions, on=["kind", "loading_era", "latest_era", "is_discharge_known", "contract_era"])


def _compared(s: pd.DataFrame) -> pd.DataFrame:
    is_priced = s["price_low_usd_per_bbl"].notna() | s["price_high_usd_per_bbl"].notna()
    most = s["price_high_usd_per_bbl"].fillna(np.inf) - s["tolerance"]
    least = s["price_low_usd_per_bbl"].fillna(-np.inf) - s["tolerance"]
    is_covered = most <= s["lowest_cap"]
    is_above = least > s["highest_cap"]
    verdict = np.select(
        [
            s["is_only_out"],
            s["is_only_exempt"],
            ~s["is_only_capped"],
            ~is_priced,
            is_covered,
            s["is_exemption_open"],
            is_above & (most <= s["lowest_prior"]),
            least > s["highest_prior"],
        ],
        ["out_of_scope", "exempt", "indeterminate", "unpriced", "within_cap", "indeterminate", "within_prior_cap",
         "above_cap"],
        "indeterminate",
    )  # fmt: skip
    s["verdict"] = pd.Series(verdict, index=s.index, dtype="str")
    is_sure = is_priced & ~s["has_out"]
    above = pd.Series(pd.NA, index=s.index, dtype="boolean")
    above[is_sure & is_above] = True
    above[is_sure & is_covered] = False
    s["is_above_cap"] = above
    margin = s["cap_usd_per_bbl"] - s["price_usd_per_bbl"]
    s["margin_usd_per_bbl"] = margin.mask(margin.abs() <= s["tolerance"], 0.0)
    price = s["price_usd_per_bbl"].fillna(s["price_low_usd_per_bbl"])
    excess = (price - s["cap_usd_per_bbl"]) * s["quantity_bbl"]
    s["excess_value_usd"] = excess.where(above.fillna(False)).mask(above.eq(False).fillna(False), 0.0)
    is_prior = s["verdict"] == "within_prior_cap"
    is_exempt = s["verdict"] == "exempt"
    s["transition_id"] = s["prior_id"].where(is_prior, s["wind_down_id"].where(is_exempt))
    s["exemption_id"] = s["licence_id"].where(is_exempt)
    return s
