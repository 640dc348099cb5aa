"""The demo's database: the 120 tables of a company that sells things, and rows in the three that the demo uses.

It needs only ``sqlite3``, and neither measures nor prints anything.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["USED", "create_shop", "ddl", "foreign_keys"]

USED = ("customers", "orders", "order_items")
"""The three tables that the demo's program works with."""

# One table per line, parents first: its name, then the tables that its foreign keys refer to.
_TABLES = """
currencies
languages
units
time_zones
tax_categories
countries: currencies languages
exchange_rates: currencies
regions: countries time_zones
cities: regions
holidays: countries
tax_rates: tax_categories countries
companies: countries currencies
business_units: companies
offices: business_units cities
cost_centers: business_units
departments: cost_centers offices
job_titles: departments
employees: departments job_titles
employment_contracts: employees currencies
absences: employees
timesheets: employees cost_centers
training_courses: departments
training_attendances: training_courses employees
expense_reports: employees currencies
expense_lines: expense_reports tax_rates
fiscal_years: companies
fiscal_periods: fiscal_years
account_groups: companies
ledger_accounts: account_groups cost_centers
journals: companies ledger_accounts
journal_entries: journals fiscal_periods employees
journal_lines: journal_entries ledger_accounts currencies
budgets: cost_centers fiscal_years
budget_lines: budgets ledger_accounts
banks: countries
bank_accounts: banks companies currencies
bank_statements: bank_accounts
bank_transactions: bank_statements journal_entries
assets: companies ledger_accounts
depreciations: assets fiscal_periods
payment_terms: companies
payment_methods: ledger_accounts
price_lists: currencies companies
sales_teams: business_units employees
sales_territories: regions sales_teams
sales_channels: business_units price_lists
lead_sources: sales_channels
leads: lead_sources sales_territories
opportunities: leads employees
marketing_campaigns: sales_channels budgets
campaign_results: marketing_campaigns leads
newsletters: marketing_campaigns languages
suppliers: countries payment_terms
supplier_contacts: suppliers languages
supplier_contracts: suppliers employees
supplier_ratings: suppliers employees
brands: suppliers
product_categories: tax_categories
product_families: product_categories brands
products: product_families units
product_variants: products suppliers
product_images: products
product_reviews: products languages
product_translations: products languages
product_bundles: products
bundle_items: product_bundles product_variants
attributes: product_categories
attribute_values: attributes units
variant_attributes: product_variants attribute_values
prices: price_lists product_variants
price_changes: prices employees
warehouses: cities companies
warehouse_zones: warehouses employees
bins: warehouse_zones
stock_levels: product_variants bins
stock_movements: stock_levels employees
stock_counts: warehouses employees
stock_count_lines: stock_counts product_variants
stock_transfers: warehouses employees
lots: product_variants suppliers
serial_numbers: lots
carriers: countries suppliers
carrier_services: carriers
shipping_zones: countries carriers
shipping_rates: shipping_zones carrier_services
routes: warehouses carriers
vehicles: assets carriers
customer_groups: price_lists payment_terms
loyalty_programs: customer_groups
promotions: marketing_campaigns customer_groups
coupons: promotions
customers: customer_groups sales_territories employees
customer_addresses: customers cities
customer_contacts: customers languages
customer_notes: customers employees
loyalty_accounts: customers loyalty_programs
carts: customers sales_channels
cart_items: carts product_variants
wishlists: customers
wishlist_items: wishlists product_variants
quotes: customers opportunities
quote_lines: quotes product_variants
orders: customers sales_channels warehouses payment_methods coupons
order_items: orders product_variants tax_rates
order_events: orders employees
shipments: orders carrier_services routes
shipment_items: shipments order_items
parcels: shipments
invoices: orders journal_entries
invoice_lines: invoices order_items
payments: invoices payment_methods bank_transactions
refunds: payments employees
return_reasons: product_categories
returns: orders return_reasons
return_items: returns order_items
purchase_orders: suppliers warehouses employees
purchase_order_lines: purchase_orders product_variants tax_rates
goods_receipts: purchase_orders
supplier_invoices: purchase_orders journal_entries
support_tickets: customers orders employees
"""

_COMMON = (
    "code VARCHAR(20) NOT NULL",
    "name VARCHAR(120) NOT NULL",
    "description TEXT",
    "is_active BOOLEAN DEFAULT 1 NOT NULL",
    "created_at DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL",
    "updated_at DATETIME",
)

_OWN = {
    "customers": (
        "name VARCHAR(120) NOT NULL",
        "email VARCHAR(200) NOT NULL",
        "city VARCHAR(80)",
        "newsletter BOOLEAN",
        "created_at DATETIME DEFAULT CURRENT_TIMESTAMP",
    ),
    "orders": (
        "number VARCHAR(20) NOT NULL",
        "status VARCHAR(20) NOT NULL",
        "ordered_at DATETIME NOT NULL",
        "note TEXT",
    ),
    "order_items": (
        "line INTEGER NOT NULL",
        "article VARCHAR(120) NOT NULL",
        "quantity INTEGER NOT NULL",
        "price_cents INTEGER NOT NULL",
    ),
}

# Columns of the unique constraint and of the index, if these are not ``code`` and ``name``.
_KEYS = {
    "customers": ("email", "name"),
    "orders": ("number", "ordered_at"),
    "order_items": ("order_id, line", "article"),
}

_ROWS = (
    (
        "INSERT INTO customers (id, name, email, city, newsletter) VALUES (?, ?, ?, ?, ?)",
        [
            (1, "Grace Hopper", "grace@example.org", "New York", True),
            (2, "Alan Turing", "alan@example.org", "Wilmslow", False),
            (3, "Katherine Johnson", "katherine@example.org", "Hampton", None),
        ],
    ),
    (
        "INSERT INTO orders (id, number, status, ordered_at, customer_id) VALUES (?, ?, ?, ?, ?)",
        [
            (1, "S-1001", "paid", "2026-03-02 09:15:00.000000", 1),
            (2, "S-1002", "shipped", "2026-03-09 16:40:00.000000", 1),
            (3, "S-1003", "open", "2026-03-11 11:05:00.000000", 2),
        ],
    ),
    (
        "INSERT INTO order_items (id, order_id, line, article, quantity, price_cents) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (1, 1, 1, "Desk lamp", 2, 3950),
            (2, 1, 2, "Light bulb", 6, 425),
            (3, 2, 1, "Desk", 1, 32000),
            (4, 3, 1, "Bicycle chain", 1, 2490),
        ],
    ),
)


def foreign_keys() -> dict[str, tuple[str, ...]]:
    """Return every table's name with the tables that its foreign keys refer to, parents first."""
    tables: dict[str, tuple[str, ...]] = {}
    for line in _TABLES.split("\n"):
        name, _, parents = line.partition(":")
        if name:
            tables[name] = tuple(parents.split())
    return tables


def ddl() -> list[str]:
    """Return the statements that create the tables and their indexes: two per table."""
    return [statement for name, parents in foreign_keys().items() for statement in _ddl_of(name, parents)]


def create_shop(path: Path) -> None:
    """Create the database in the file ``path``, which must not exist yet."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in ddl():
            connection.execute(statement)
        for statement, rows in _ROWS:
            connection.executemany(statement, rows)


def _ddl_of(name: str, parents: tuple[str, ...]) -> tuple[str, str]:
    references = [f"{_singular(parent)}_id INTEGER REFERENCES {parent} (id)" for parent in parents]
    unique, indexed = _KEYS.get(name, ("code", "name"))
    columns = [
        "id INTEGER NOT NULL PRIMARY KEY",
        *_OWN.get(name, _COMMON),
        *references,
        f"CONSTRAINT uq_{name} UNIQUE ({unique})",
    ]
    return (
        f"CREATE TABLE {name} ({', '.join(columns)})",
        f"CREATE INDEX ix_{name}_{indexed} ON {name} ({indexed})",
    )


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-2] if name.endswith(("sses", "ches", "xes")) else name[:-1]
