"""Chromium for the tests that open pages."""

import os

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


def add_browser_arguments(parser):
    parser.add_argument("--chromium", metavar="PATH")
    parser.add_argument("--chromedriver", metavar="PATH", default="/usr/bin/chromedriver")


def start_browser(arguments, **logs):
    """`logs`: what is recorded besides the console, performance="ALL" for example."""
    options = webdriver.ChromeOptions()
    if arguments.chromium:
        options.binary_location = arguments.chromium
    for flag in ["headless=new", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking"]:
        options.add_argument(f"--{flag}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # the sandbox does not work as root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", **logs})
    return webdriver.Chrome(options=options, service=Service(arguments.chromedriver))
