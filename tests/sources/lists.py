"""Lists of vessels as their authorities write them, for tests.

Here: whole lists, with made-up vessels beside those that a test is about, because a short list counts as cut.
Add here: another authority's format.
Keep out: expectations.
"""

import csv
import io
from collections.abc import Sequence


def imo(number: int) -> str:
    """The IMO number whose first six digits are `number`: 907472 gives 9074729 (7x9 + 6x0 + 5x7 + 4x4 + 3x7 + 2x2)."""
    digits = f"{number:06d}"
    return digits + str(sum(int(digit) * weight for digit, weight in zip(digits, range(7, 1, -1), strict=True)) % 10)


def sdn_vessel(
    entry: int | str,
    name: str,
    number: str | None,
    program: str = "RUSSIA-EO14024",
    kind: str = "Crude Oil Tanker",
) -> str:
    """A line of `SDN.CSV` for a vessel; number None: the remarks give none."""
    remarks = "-0- " if number is None else f'"Vessel Registration Identification IMO {number}; MMSI 273350000."'
    return f'{entry},"{name}","vessel","{program}",-0- ,"UBCD1","{kind}",-0- ,-0- ,"Russia",-0- ,{remarks}'


SDN_OTHERS = (
    '36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"Havana, Cuba."',
    '2674,"DOE, John","individual","IRAQ2","Minister",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 1953; IMO 9843560."',
    '15432,"EP-GOL","aircraft","SDGT",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ',
)


def sdn(*vessels: str, others: int = 1000) -> str:
    """A list with these vessels, `others` made-up ones, a company, a person, an aircraft, and its end mark."""
    made_up = [sdn_vessel(50_000 + n, f"MADE UP {n}", imo(100_000 + n), "IRAN") for n in range(others)]
    return "\r\n".join([*SDN_OTHERS, *vessels, *made_up]) + "\r\n\x1a"


UK_HEADER = next(
    csv.reader(
        [
            "Last Updated,Unique ID,OFSI Group ID,UN Reference Number,Name 6,Name 1,Name 2,Name 3,Name 4,Name 5,Name type,"
            "Regime Name,Designation Type,Designation source,Sanctions Imposed,Other Information,UK Statement of Reasons,"
            "Date Designated,D.O.B,IMO number,Current believed flag of ship,Previous flags,Type of ship,Tonnage of ship"
        ]
    )
)


def uk_row(unique_id: str, name: str, number: str, designated: str, **cells: str) -> dict[str, str]:
    """A row of the UK list: a ship by its primary name, unless `cells` says otherwise."""
    return {
        "Unique ID": unique_id,
        "Name 6": name,
        "Name type": "Primary Name",
        "Designation Type": "Ship",
        "Sanctions Imposed": "Prohibition of port entry|Movement of ships",
        "Date Designated": designated,
        "IMO number": number,
        "Current believed flag of ship": "Gabon",
        "Type of ship": "Crude oil tanker",
        **cells,
    }


UK_PERSON = {
    "Unique ID": "RUS0001",
    "Name 6": "DOE",
    "Name 1": "Jane",
    "Name type": "Primary Name",
    "Designation Type": "Individual",
    "Date Designated": "24/02/2022",
    "D.O.B": "dd/mm/1960",
    "UK Statement of Reasons": 'Said "no",\nand yes.',
}


def uk(report: str, *rows: dict[str, str], others: int = 500, header: Sequence[str] = UK_HEADER) -> str:
    """A list of the day `report` with these rows, `others` made-up ships and a person."""
    made_up = [
        uk_row(f"RUS{50_000 + n}", f"Made Up {n}", "IMO" + imo(100_000 + n), ("01/03/2025", "02/03/2025")[n % 2])
        for n in range(others)
    ]
    out = io.StringIO()
    out.write(f"\ufeffReport Date: {report}\r\n")
    writer = csv.DictWriter(out, header, extrasaction="ignore")
    writer.writeheader()
    writer.writerows([UK_PERSON, *rows, *made_up])
    return out.getvalue()
